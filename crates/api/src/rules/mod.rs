//! Rules that several kinds share, one file per thing they are about.

pub mod labels;
pub mod ports;
pub mod resources;
