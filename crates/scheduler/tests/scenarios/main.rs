//! The scheduler on a real API server: stories with an end.

mod basics;
mod world;
