//! The machinery every AWS service shares: one endpoint that authenticates, authorises, parses, dispatches and answers.
//!
//! A service is data plus handlers: its model, and one visible list of the operations it has built. Listening is not
//! done here, and no secret passes through: a [`Verifier`] says who called.

mod arn;
mod auth;
mod authorize;
mod caller;
mod endpoint;
mod failure;
pub mod golden;
pub mod idempotency;
pub mod ids;
pub mod names;
pub mod paging;
pub mod policy;
pub mod records;
mod request;
mod service;

pub use arn::Arn;
pub use auth::{Unverified, Verifier};
pub use caller::{Caller, Principal};
pub use endpoint::{Endpoint, Limits, Peer};
pub use failure::{Failure, Outcome};
pub use ids::{Random, SharedRandom, SystemRandom};
pub use request::Request;
pub use service::{Access, OperationEntry, Service, unbuilt};
