//! IAM policies as pure functions: a document, the facts of a request, a decision.

mod condition;
mod context;
mod document;
mod evaluate;
mod pattern;

pub use context::Context;
pub use document::{Effect, MalformedPolicy, PolicyDocument};
pub use evaluate::{Decision, PolicySet, PrincipalFacts, Query, Trust, decide, trust};
