//! WebSocket: channels in messages, and plain bytes in messages.

mod channels;
mod tunnel;

pub(crate) use channels::{Channels, serve};
pub(crate) use tunnel::Tunnel;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

/// `DefaultMaxPayloadBytes` of golang.org/x/net/websocket, which upstream reads with.
const MAX_MESSAGE_BYTES: usize = 32 << 20;
const BUFFER_BYTES: usize = 64 << 10;

/// A connection whose handshake is done.
async fn accept<I: AsyncRead + AsyncWrite + Unpin>(io: I) -> WebSocketStream<I> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_MESSAGE_BYTES);
    WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await
}

/// kubectl takes a close without a code for a failure.
fn goodbye() -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }))
}
