//! Generators of the committed tables, one file per source.

pub mod aws;
