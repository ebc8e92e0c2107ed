//! `v4.channel.k8s.io` and `v5.channel.k8s.io`: the first byte of a message names its channel.

use super::{accept, goodbye};
use crate::pipe::{CHUNKS, Incoming, Out, Outgoing, QUEUE};
use crate::window::{INITIAL, Window};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{SinkExt, Stream, StreamExt};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Channels that a client writes to are kept by their numbers; there are five.
const CHANNELS: usize = 5;
/// v5: the second byte names a channel that its sender is done with.
const CLOSE: u8 = 255;
const LINGER: Duration = Duration::from_secs(10);

/// Both directions of each channel.
pub(crate) struct Channels {
    out: mpsc::Sender<Out>,
    incoming: [Option<Incoming>; CHANNELS],
    window: Arc<Window>,
}

impl Channels {
    /// Once per channel.
    pub fn incoming(&mut self, channel: usize) -> Option<Incoming> {
        self.incoming.get_mut(channel)?.take()
    }

    /// What is sent on channels that nobody took is dropped from now on, and holds nothing up.
    pub fn drop_unread(&mut self) {
        self.incoming = Default::default();
    }

    pub fn outgoing(&self, channel: u32) -> Outgoing {
        Outgoing { stream: channel, out: self.out.clone(), window: self.window.clone(), shared: self.window.clone() }
    }

    pub async fn close(self) {
        // A connection that is gone is closed.
        drop(self.out.send(Out::Goodbye).await);
    }
}

/// As [`crate::spdy::serve`]. `closes`: channel 255 has its meaning.
pub(crate) fn serve<I>(io: I, closes: bool) -> (Channels, impl Future<Output = io::Result<()>> + Send)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (out, queue) = mpsc::channel(QUEUE);
    // Flow control is the connection's own.
    let window = Arc::new(Window::new(INITIAL, false));
    let mut takers: [Option<mpsc::Sender<Bytes>>; CHANNELS] = Default::default();
    let mut incoming: [Option<Incoming>; CHANNELS] = Default::default();
    for (taker, incoming) in takers.iter_mut().zip(&mut incoming) {
        let (sender, chunks) = mpsc::channel(CHUNKS);
        *taker = Some(sender);
        *incoming = Some(Incoming { chunks, window: window.clone(), credit: None });
    }
    let ends = Ends(window.clone());
    let driver = async move {
        let _ends = ends;
        let (mut sink, mut messages) = accept(io).await.split();
        let mut takers = takers;
        tokio::select! {
            read = read(&mut messages, &mut takers, closes) => read,
            written = write(&mut sink, queue) => {
                written?;
                let rest = async { while let Some(Ok(_)) = messages.next().await {} };
                // A client that does not answer the close is left.
                drop(tokio::time::timeout(LINGER, rest).await);
                Ok(())
            }
        }
    };
    (Channels { out, incoming, window }, driver)
}

struct Ends(Arc<Window>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.fail();
    }
}

async fn read<S>(messages: &mut S, takers: &mut [Option<mpsc::Sender<Bytes>>; CHANNELS], closes: bool) -> io::Result<()>
where
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    while let Some(message) = messages.next().await {
        let mut bytes = match message.map_err(io::Error::other)? {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => text.into(),
            Message::Close(_) => return Ok(()),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        if bytes.is_empty() {
            continue;
        }
        let channel = bytes.split_to(1)[0];
        if closes && channel == CLOSE {
            if let Some(taker) = bytes.first().and_then(|channel| takers.get_mut(usize::from(*channel))) {
                *taker = None;
            }
        } else if let Some(Some(taker)) = takers.get(usize::from(channel))
            && !bytes.is_empty()
        {
            // Nobody reads it: it is dropped, as upstream drops it.
            drop(taker.send(bytes).await);
        }
    }
    Ok(())
}

async fn write<S>(sink: &mut S, mut queue: mpsc::Receiver<Out>) -> io::Result<()>
where
    S: SinkExt<Message, Error = Error> + Unpin,
{
    while let Some(out) = queue.recv().await {
        match out {
            // A client learns of a channel's end by the end of the connection.
            Out::Data { fin: true, .. } => continue,
            Out::Data { stream, bytes, fin: false } => {
                let mut message = BytesMut::with_capacity(bytes.len() + 1);
                message.put_u8(stream as u8);
                message.extend_from_slice(&bytes);
                sink.feed(Message::Binary(message.freeze())).await.map_err(io::Error::other)?;
            }
            Out::Goodbye => {
                sink.feed(goodbye()).await.map_err(io::Error::other)?;
                return sink.flush().await.map_err(io::Error::other);
            }
            Out::Reply(_) | Out::Reset(..) | Out::Ping(_) | Out::Credit(..) => continue,
        }
        if queue.is_empty() {
            sink.flush().await.map_err(io::Error::other)?;
        }
    }
    Ok(())
}
