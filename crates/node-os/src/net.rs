//! Sockets made inside a network namespace, usable from any thread.
//!
//! **Invariant**: addresses of a VPC are dialled and listened on only through here.

use crate::netns::NetNs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{FromRawFd, IntoRawFd};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

/// As upstream's listeners; the kernel lowers it to its own limit.
const BACKLOG: u32 = 1024;

impl NetNs {
    pub fn listen_tcp(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let socket = self.socket(address)?;
        socket.set_reuseaddr(true)?;
        // Binding is by the socket's own namespace, not by the thread's.
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    pub async fn connect_tcp(&self, address: SocketAddr) -> io::Result<TcpStream> {
        connect(self.socket(address)?, address).await
    }

    /// As [`NetNs::connect_tcp`], from an address that the kernel would not choose by itself.
    pub async fn connect_tcp_from(&self, from: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = self.socket(address)?;
        socket.bind((from, 0).into())?;
        connect(socket, address).await
    }

    pub fn bind_udp(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        let socket = self.run(|| std::net::UdpSocket::bind(address))?;
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    }

    fn socket(&self, address: SocketAddr) -> io::Result<TcpSocket> {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = self.run(|| Ok(socket(family, SockType::Stream, flags, None)?))?;
        // SAFETY: the descriptor was just made as a non-blocking TCP socket, and its ownership goes over.
        Ok(unsafe { TcpSocket::from_raw_fd(fd.into_raw_fd()) })
    }
}

async fn connect(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpStream> {
    #[expect(clippy::disallowed_methods, reason = "this is the layer that the others are to use")]
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
