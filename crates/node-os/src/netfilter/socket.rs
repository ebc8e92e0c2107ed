//! One exchange with the kernel's nfnetlink: a batch that is taken whole or not at all, a request, a dump.

use super::Writer;
use crate::netns::NetNs;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBufForce, SndBufForce};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, socket,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

pub const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const INTERRUPTED: u16 = 0x10;

const ERROR: u16 = 2;
const DONE: u16 = 3;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

/// Of `nlmsghdr`, and of `nfgenmsg` behind it.
const HEADER: usize = 16;
const FAMILY_HEADER: usize = 4;
/// At least what the kernel fills at once when it dumps.
const BUFFER: usize = 64 << 10;
/// A dump that met a change is begun again so often.
const DUMPS: usize = 8;

/// One message: `kind` has the subsystem in its high byte.
#[derive(Clone, Debug)]
pub struct Message {
    pub kind: u16,
    pub flags: u16,
    pub family: u8,
    pub attributes: Writer,
}

impl Message {
    fn write(&self, resource: u16, sequence: u32, flags: u16, into: &mut Vec<u8>) {
        let body = self.attributes.bytes();
        let length = u32::try_from(HEADER + FAMILY_HEADER + body.len()).unwrap_or(0); // refused by the kernel
        into.extend_from_slice(&length.to_ne_bytes());
        into.extend_from_slice(&self.kind.to_ne_bytes());
        into.extend_from_slice(&(self.flags | flags | REQUEST).to_ne_bytes());
        into.extend_from_slice(&sequence.to_ne_bytes());
        into.extend_from_slice(&0_u32.to_ne_bytes());
        into.extend_from_slice(&[self.family, 0]);
        into.extend_from_slice(&resource.to_be_bytes());
        into.extend_from_slice(body);
    }
}

/// What the kernel said to a batch: nothing of it was done.
#[derive(Debug)]
pub struct BatchError {
    /// The first message that it refused; None: the batch as a whole.
    pub message: Option<usize>,
    pub source: io::Error,
}

impl From<io::Error> for BatchError {
    fn from(source: io::Error) -> Self {
        Self { message: None, source }
    }
}

/// The bytes of a batch for one subsystem. The last message asks for an answer, so that silence is an error.
pub fn batch(subsystem: u16, messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let edge = |kind| Message { kind, flags: 0, family: 0, attributes: Writer::default() };
    edge(BATCH_BEGIN).write(subsystem, 0, 0, &mut bytes);
    let mut sequence = 0;
    for (index, message) in messages.iter().enumerate() {
        sequence += 1;
        let last = index + 1 == messages.len();
        message.write(0, sequence, if last { ACK } else { 0 }, &mut bytes);
    }
    edge(BATCH_END).write(subsystem, sequence + 1, 0, &mut bytes);
    bytes
}

/// For one exchange at a time.
pub struct Socket(OwnedFd);

impl Socket {
    pub fn open(namespace: &NetNs) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let made = namespace.run(|| Ok(socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkNetFilter)?));
        made.map(Self)
    }

    /// The kernel works on a batch before `send` returns; what it has to say waits then.
    pub fn batch(&self, subsystem: u16, messages: &[Message]) -> Result<(), BatchError> {
        if messages.is_empty() {
            return Ok(());
        }
        self.send(&batch(subsystem, messages))?;
        let mut answered = false;
        while let Some(datagram) = self.receive()? {
            for (kind, sequence, body) in Datagram(&datagram) {
                let code = if kind == ERROR { error_code(body) } else { continue };
                answered = true;
                if let Err(source) = code {
                    let index = usize::try_from(sequence).unwrap_or(0);
                    let message = index.checked_sub(1).filter(|index| *index < messages.len());
                    return Err(BatchError { message, source });
                }
            }
        }
        if answered { Ok(()) } else { Err(io::Error::other("the kernel did not answer").into()) }
    }

    /// A change of a subsystem that knows no batches.
    pub fn request(&self, message: &Message) -> io::Result<()> {
        let mut bytes = Vec::new();
        message.write(0, 1, ACK, &mut bytes);
        self.send(&bytes)?;
        while let Some(datagram) = self.receive()? {
            if let Some((_, _, body)) = Datagram(&datagram).find(|(kind, _, _)| *kind == ERROR) {
                return error_code(body);
            }
        }
        Err(io::Error::other("the kernel did not answer"))
    }

    /// A question with one answer.
    pub fn ask<T>(&self, message: &Message, read: impl Fn(&[u8]) -> Option<T>) -> io::Result<Option<T>> {
        let mut bytes = Vec::new();
        message.write(0, 1, 0, &mut bytes);
        self.send(&bytes)?;
        while let Some(datagram) = self.receive()? {
            for (kind, _, body) in Datagram(&datagram) {
                if kind == ERROR {
                    error_code(body)?;
                } else if let Some(answer) = body.get(FAMILY_HEADER..).and_then(&read) {
                    return Ok(Some(answer));
                }
            }
        }
        Ok(None)
    }

    /// Calls `each` with kind and attributes of every object there is.
    pub fn dump<T>(&self, message: &Message, each: impl Fn(u16, &[u8]) -> Option<T>) -> io::Result<Vec<T>> {
        for sequence in 1..=DUMPS {
            let mut bytes = Vec::new();
            message.write(0, u32::try_from(sequence).unwrap_or(0), DUMP, &mut bytes); // a small number
            self.send(&bytes)?;
            if let Some(all) = self.collect(&each)? {
                return Ok(all);
            }
        }
        Err(Errno::EINTR.into())
    }

    /// None: something changed meanwhile.
    fn collect<T>(&self, each: impl Fn(u16, &[u8]) -> Option<T>) -> io::Result<Option<Vec<T>>> {
        let (mut all, mut whole) = (Vec::new(), true);
        while let Some(datagram) = self.receive()? {
            whole &= !datagram_interrupted(&datagram);
            for (kind, _, body) in Datagram(&datagram) {
                match kind {
                    DONE => return Ok(whole.then_some(all)),
                    ERROR => error_code(body)?,
                    _ => all.extend(body.get(FAMILY_HEADER..).and_then(|attributes| each(kind, attributes))),
                }
            }
        }
        Err(io::Error::other("the kernel's list has no end"))
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        // What an exchange that failed has left is no answer to this one.
        while self.receive().is_ok_and(|left| left.is_some()) {}
        // A message has to fit the buffer whole; bookkeeping takes its part of it.
        setsockopt(&self.0, SndBufForce, &(bytes.len() * 2 + BUFFER))?;
        setsockopt(&self.0, RcvBufForce, &(bytes.len() + 16 * BUFFER))?;
        let sent = sendto(self.0.as_raw_fd(), bytes, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; BUFFER];
        match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(length) => {
                buffer.truncate(length);
                Ok(Some(buffer))
            }
            Err(Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The messages of one datagram: kind, sequence, what follows the header.
struct Datagram<'a>(&'a [u8]);

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

impl<'a> Iterator for Datagram<'a> {
    type Item = (u16, u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::try_from(number(self.0, 0)?).ok()?;
        let kind = u16::from_ne_bytes(self.0.get(4..6)?.try_into().ok()?);
        let sequence = number(self.0, 8)?;
        let body = self.0.get(HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default(); // the last one need not be padded
        Some((kind, sequence, body))
    }
}

fn datagram_interrupted(datagram: &[u8]) -> bool {
    datagram.get(6..8).is_some_and(|flags| u16::from_ne_bytes([flags[0], flags[1]]) & INTERRUPTED != 0)
}

/// Zero is the positive answer.
fn error_code(body: &[u8]) -> io::Result<()> {
    match number(body, 0).map(u32::cast_signed) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
