//! One direction of a stream, whichever protocol carries it.

use crate::spdy::Code;
use crate::window::Window;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// The largest piece of data that is held or sent at once.
pub(crate) const CHUNK_BYTES: usize = 16 << 10;
/// Pieces that wait for whoever reads a stream: a window's worth and more. A reader that is slower holds its peer back.
pub(crate) const CHUNKS: usize = 8;
/// Pieces of all streams that wait for the connection.
pub(crate) const QUEUE: usize = 16;
/// What was read is told to the peer in portions.
const CREDIT_BYTES: u32 = 32 << 10;

/// What is to be written to a connection. A stream is a SPDY stream or a WebSocket channel.
#[derive(Debug)]
pub(crate) enum Out {
    Data {
        stream: u32,
        bytes: Bytes,
        fin: bool,
    },
    Reply(u32),
    Reset(u32, Code),
    Ping(u32),
    Credit(u32, u32),
    /// Nothing comes after it.
    Goodbye,
}

pub(crate) type OutSender = mpsc::Sender<Out>;

/// What the peer sends.
pub struct Incoming {
    pub(crate) chunks: mpsc::Receiver<Bytes>,
    pub(crate) window: Arc<Window>,
    pub(crate) credit: Option<Credit>,
}

/// Tells the peer how much was read.
pub(crate) struct Credit {
    pub stream: u32,
    pub out: OutSender,
    pub due: u32,
}

impl Credit {
    async fn pay(&mut self) {
        if self.due >= CREDIT_BYTES
            && let Ok(place) = self.out.reserve().await
        {
            place.send(Out::Credit(self.stream, std::mem::take(&mut self.due)));
        }
    }
}

impl Incoming {
    /// None: the peer has closed its side.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(credit) = &mut self.credit {
            credit.pay().await;
        }
        match self.chunks.recv().await {
            Some(bytes) => {
                if let Some(credit) = &mut self.credit {
                    credit.due += bytes.len() as u32;
                }
                Ok(Some(bytes))
            }
            None if self.window.is_broken() => Err(io::ErrorKind::ConnectionReset.into()),
            None => Ok(None),
        }
    }

    /// Everything, then the end.
    pub async fn copy_to<W: AsyncWrite + Unpin>(&mut self, mut writer: W) -> io::Result<()> {
        while let Some(bytes) = self.next().await? {
            writer.write_all(&bytes).await?;
            if self.chunks.is_empty() {
                writer.flush().await?;
            }
        }
        writer.shutdown().await
    }
}

/// What is sent to the peer. Only [`Outgoing::finish`] says that it was all.
pub struct Outgoing {
    pub(crate) stream: u32,
    pub(crate) out: OutSender,
    pub(crate) window: Arc<Window>,
    /// Of the connection as a whole.
    pub(crate) shared: Arc<Window>,
}

impl Outgoing {
    pub async fn send(&mut self, mut bytes: Bytes) -> io::Result<()> {
        while !bytes.is_empty() {
            let own = self.window.take(bytes.len().min(CHUNK_BYTES)).await?;
            let granted = self.shared.take(own).await?;
            if granted < own {
                self.window.put_back(own - granted);
            }
            self.put(Out::Data { stream: self.stream, bytes: bytes.split_to(granted), fin: false }).await?;
        }
        Ok(())
    }

    /// A message of no bytes, which WebSocket clients take as a sign of life.
    pub(crate) async fn greet(&mut self) -> io::Result<()> {
        self.put(Out::Data { stream: self.stream, bytes: Bytes::new(), fin: false }).await
    }

    pub async fn finish(&mut self) -> io::Result<()> {
        self.put(Out::Data { stream: self.stream, bytes: Bytes::new(), fin: true }).await
    }

    /// Ends both directions of the stream without a word.
    pub async fn reset(&mut self) {
        // A connection that is gone needs no reset.
        drop(self.put(Out::Reset(self.stream, Code::Cancel)).await);
    }

    /// Everything; the end is not told.
    pub async fn copy_from<R: AsyncRead + Unpin>(&mut self, mut reader: R) -> io::Result<()> {
        let mut buffer = bytes::BytesMut::new();
        loop {
            buffer.reserve(CHUNK_BYTES);
            if reader.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            self.send(buffer.split().freeze()).await?;
        }
    }

    async fn put(&self, out: Out) -> io::Result<()> {
        self.out.send(out).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
