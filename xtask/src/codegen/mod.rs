//! Regenerates the committed tables from published sources.

pub mod aws;
pub mod kubernetes;
