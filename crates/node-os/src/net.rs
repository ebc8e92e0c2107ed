//! Sockets made inside a network namespace, usable from any thread.
//!
//! **Invariant**: addresses of a VPC are dialled and listened on only through here.

use crate::netns::NetNs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::sync::{Mutex, PoisonError};
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

/// As many sockets are made whenever a [`Dialer`] has none left.
const SOCKETS: usize = 32;

/// Dials from inside a namespace again and again. To enter one takes longer than a connection: sockets are made in advance.
pub struct Dialer {
    namespace: NetNs,
    ready: Mutex<Vec<TcpSocket>>,
}

impl Dialer {
    pub fn new(namespace: NetNs) -> Self {
        Self { namespace, ready: Mutex::default() }
    }

    pub async fn connect_tcp(&self, address: SocketAddrV4) -> io::Result<TcpStream> {
        connect(self.take()?, address.into()).await
    }

    /// Datagrams to and from one address.
    pub async fn connect_udp(&self, address: SocketAddrV4) -> io::Result<UdpSocket> {
        let socket = self.namespace.bind_udp((Ipv4Addr::UNSPECIFIED, 0).into())?;
        socket.connect(address).await?;
        Ok(socket)
    }

    fn take(&self) -> io::Result<TcpSocket> {
        // A panic elsewhere leaves only whole sockets in it.
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = ready.pop() {
            return Ok(socket);
        }
        let made: Vec<TcpSocket> = self.namespace.run(|| (0..SOCKETS).map(|_| TcpSocket::new_v4()).collect())?;
        ready.extend(made);
        ready.pop().ok_or_else(|| io::Error::other("no socket was made"))
    }
}

async fn connect(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpStream> {
    #[expect(clippy::disallowed_methods, reason = "this is the layer that the others are to use")]
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
