//! The smallest HTTP/1.1 client and server that can keep a load balancer busy: what is between them is to be measured.

use crate::process::{Failure, Result};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nv1 from page";
/// How long a client waits for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers every request until it is aborted.
pub fn serve(listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut clients = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            // How a client ends is its own affair.
            clients.spawn(async move { drop(answer(stream).await) });
            while clients.try_join_next().is_some() {}
        }
    })
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = [0; REQUEST.len()];
    loop {
        stream.read_exact(&mut request).await?;
        stream.write_all(ANSWER).await?;
    }
}

/// Who keeps a connection, and who makes a new one for each request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    Kept,
    New,
}

/// So many clients at once, each with one request at a time. Returns milliseconds of each request.
pub async fn load(to: SocketAddr, clients: Clients, count: usize, length: Duration) -> Result<Vec<f64>> {
    let end = Instant::now() + length;
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        tasks.spawn(one_client(to, clients, end));
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let samples = done.map_err(|error| Failure(error.to_string()))?;
        all.extend(samples.map_err(|error| Failure::io("a request through the load balancer", &error))?);
    }
    Ok(all)
}

async fn one_client(to: SocketAddr, clients: Clients, end: Instant) -> io::Result<Vec<f64>> {
    let (mut samples, mut kept) = (Vec::new(), None);
    while Instant::now() < end {
        let began = Instant::now();
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => connect(to).await?,
        };
        tokio::time::timeout(PATIENCE, exchange(&mut stream)).await??;
        samples.push(began.elapsed().as_secs_f64() * 1000.0);
        if clients == Clients::Kept {
            kept = Some(stream);
        }
    }
    Ok(samples)
}

async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(to)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn exchange(stream: &mut TcpStream) -> io::Result<()> {
    let mut answer = [0; ANSWER.len()];
    stream.write_all(REQUEST).await?;
    stream.read_exact(&mut answer).await?;
    if answer == ANSWER { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// One request, to see whether anyone is there.
pub async fn once(to: SocketAddr) -> io::Result<()> {
    exchange(&mut connect(to).await?).await
}
