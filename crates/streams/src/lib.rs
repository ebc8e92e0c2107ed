//! Multiplexed streams of exec, attach and port-forward: WebSocket and SPDY/3.1.
//!
//! **Invariant**: nothing here is buffered without a bound. A slow reader holds its peer back.

mod pipe;
pub mod port_forward;
pub mod remote_command;
pub mod spdy;
pub mod upgrade;
mod websocket;
mod window;

pub use pipe::{Incoming, Outgoing};
pub use upgrade::{Protocol, Purpose, Refused, Upgrade};
