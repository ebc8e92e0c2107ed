//! A Kubernetes API server as a value: one generic path for every kind over a revisioned store.
//!
//! **Invariant**: nothing else opens the store, and nobody gets past authentication, authorization and admission.

mod admission;
mod alarm;
mod allocate;
mod authn;
mod bootstrap;
mod cache;
mod commit;
mod config;
mod connect;
mod facts;
mod filter;
mod history;
mod http;
mod keys;
mod published;
mod server;
mod start;
mod structure;
mod subresource;
mod verbs;

pub use config::{CallerVerifier, Config, MAX_OBJECT_BYTES, NODE_PORTS};
pub use connect::{KUBELET_CLIENT, KubeletConnection, KubeletDialer, KubeletTlsError};
pub use http::HttpHandler;
pub use published::Published;
pub use server::ApiServer;
pub use start::{Parts, StartError};
