//! What is said to a shim: one request per connection, an answer, and with either of them open descriptors. A connection that
//! subscribes stays open and receives events.

use crate::cri::{ContainerConfig, ContainerStatus, ExecConfig, Resources, TerminalSize};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// A message is a container's configuration at most.
const MAX_MESSAGE: usize = 4 << 20;
/// Standard input, output and error.
const MAX_DESCRIPTORS: usize = 3;

#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    Create(Box<ContainerConfig>),
    Start {
        id: String,
    },
    /// To the container's first process.
    Signal {
        id: String,
        signal: i32,
    },
    Remove {
        id: String,
    },
    List,
    Update {
        id: String,
        resources: Resources,
    },
    /// With as many descriptors as streams are wanted. A terminal comes back with the answer instead.
    Exec {
        id: String,
        config: ExecConfig,
    },
    /// As for an exec.
    Attach {
        id: String,
        config: ExecConfig,
    },
    Subscribe,
    /// Kills every container and ends the shim.
    Stop,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    Done,
    Containers(Vec<ContainerStatus>),
    Failed(Failure),
    /// How an exec ended; follows [`Reply::Done`] on the same connection.
    Exited(i32),
    /// On a connection that subscribed: this container's state has changed.
    Changed {
        id: String,
        running: bool,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Failure {
    NotFound(String),
    Create(String),
    Internal(String),
}

impl TerminalSize {
    /// Tells the terminal behind `master` its size.
    pub fn apply(self, master: &impl AsRawFd) -> io::Result<()> {
        let size = nix::pty::Winsize { ws_row: self.height, ws_col: self.width, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: TIOCSWINSZ reads one `winsize` from a pointer that is valid for the call.
        let set = unsafe { nix::libc::ioctl(master.as_raw_fd(), nix::libc::TIOCSWINSZ, &raw const size) };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Sends a message with its length before it, and descriptors with the length.
pub fn send(stream: &UnixStream, message: &impl Serialize, descriptors: &[RawFd]) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidInput)?.to_be_bytes();
    let rights = [ControlMessage::ScmRights(descriptors)];
    let control = if descriptors.is_empty() { &rights[..0] } else { &rights[..] };
    let sent = sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(&length)], control, MsgFlags::MSG_NOSIGNAL, None)?;
    if sent != length.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    let mut stream = stream;
    stream.write_all(&body)
}

/// None: the other side has closed.
pub fn receive<T: DeserializeOwned>(stream: &UnixStream) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut length = [0_u8; 4];
    let mut space = nix::cmsg_space!([RawFd; MAX_DESCRIPTORS]);
    let mut descriptors = Vec::new();
    let received = {
        let mut into = [IoSliceMut::new(&mut length)];
        let message = recvmsg::<()>(stream.as_raw_fd(), &mut into, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(raw) = control {
                // SAFETY: the kernel has just installed these descriptors for this process, and nobody else knows them.
                descriptors.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        message.bytes
    };
    if received == 0 {
        return Ok(None);
    }
    let mut stream = stream;
    stream.read_exact(&mut length[received..])?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes")));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some((serde_json::from_slice(&body)?, descriptors)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_carry_descriptors() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let (reader, writer) = nix::unistd::pipe().expect("a pipe");
        send(&here, &Request::Start { id: "a".into() }, &[writer.as_raw_fd()]).expect("sent");
        drop(writer);
        let (request, descriptors) = receive::<Request>(&there).expect("received").expect("a message");
        assert!(matches!(request, Request::Start { id } if id == "a"));
        let [passed] = <[OwnedFd; 1]>::try_from(descriptors).expect("one descriptor");
        std::fs::File::from(passed).write_all(b"through").expect("written");
        let mut said = String::new();
        std::fs::File::from(reader).read_to_string(&mut said).expect("read");
        assert_eq!(said, "through");
        drop(here);
        assert!(receive::<Request>(&there).expect("closed").is_none());
    }

    #[test]
    fn a_message_without_end_is_refused() {
        let (mut here, there) = UnixStream::pair().expect("a pair");
        here.write_all(&u32::MAX.to_be_bytes()).expect("written");
        assert!(receive::<Request>(&there).is_err());
    }
}
