//! Pods: one worker each, which observes, plans and applies.

pub mod admission;
pub mod affinity;
pub mod backoff;
pub mod cx;
pub mod hooks;
pub mod image;
pub mod mailbox;
pub mod manager;
pub mod observed;
pub mod plan;
pub mod pull_secrets;
pub mod sandbox;
pub mod security;
pub mod shown;
pub mod start;
pub mod stop;
mod sync;
pub mod termination;
pub mod trouble;
pub mod worker;
