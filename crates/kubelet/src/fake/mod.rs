//! What a simulated node stands on: a runtime whose containers live as declared, and parts without effects.

mod parts;
mod runtime;

pub use parts::{FakeImages, FakeNetwork, FakeStats, NoVolumes, PlainEnvironment, QuietProber};
pub use runtime::{FakeRuntime, Lifecycle};
