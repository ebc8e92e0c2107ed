//! `client::Transport` over HTTPS, for clients that are not in the server's process.
//!
//! A watch ends when its connection does; listing and watching anew is the informer's work.

mod connection;
mod once;
mod reply;
mod request;
mod transport;
mod unverified;
mod watch;

pub use connection::{Connect, Connecting, connect_tls, connect_to, tls_config};
pub use once::{exchange, exchange_tls, status_of};
pub use transport::{Config, HttpTransport, TokenSource};
pub use unverified::unverified_tls_config;
