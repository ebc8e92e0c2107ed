//! The store with real files, real archives and a real registry on loopback.

mod archives;
mod content;
mod crashes;
mod full_disk;
mod pulls;
mod registry;
