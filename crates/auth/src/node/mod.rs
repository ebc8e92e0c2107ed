//! What kubelets may do: the graph that ties objects to nodes, the authorizer that reads it, and NodeRestriction.

mod authorizer;
mod graph;
mod labels;
mod references;
mod restriction;
mod restriction_pods;
mod restriction_tokens;

pub use authorizer::NodeAuthorizer;
pub use graph::{GraphKind, NodeGraph};
pub use restriction::{Lookup, Operation, Request, check};

#[cfg(test)]
mod restriction_tests;
#[cfg(test)]
mod tests;
