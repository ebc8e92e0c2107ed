//! Composition of a node process.
