//! What EKS refuses, as pure functions from an input and the facts around it.

pub mod access;
pub mod cluster;
pub mod network;
pub mod nodegroup;
pub mod tags;
pub mod unsupported;
