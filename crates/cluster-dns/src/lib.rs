//! The Kubernetes DNS specification, answered on the node that asks.
