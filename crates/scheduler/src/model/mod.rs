//! What the scheduler reads of pods and nodes, parsed once per version of an object.

mod document;
mod node;
mod node_selector;
mod pod;
mod resources;
mod spread;
mod taints;
mod terms;

pub use node::{Node, ZONE};
pub use node_selector::{Placement, WeightedNodeTerm};
pub use pod::{ClaimName, HostPort, Pod};
pub use resources::Resources;
pub use spread::SpreadConstraint;
pub use taints::{Effect, Taint, Toleration, tolerated};
pub use terms::{PodTerms, Scope, Term};

#[derive(Debug, thiserror::Error)]
#[error("the object does not parse: {0}")]
pub struct ParseError(#[from] serde_json::Error);
