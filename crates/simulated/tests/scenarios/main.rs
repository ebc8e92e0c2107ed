//! Stories of whole clusters (API server, controllers, scheduler, simulated nodes) on a clock that jumps to the next thing
//! to happen: minutes of a cluster's life take a moment.

mod crashes;
#[path = "../../../controllers/tests/scenarios/fuse.rs"]
#[allow(dead_code, reason = "not every story breaks something")]
mod fuse;
mod losses;
#[path = "../../../apiserver/tests/plane/mod.rs"]
mod plane;
mod quiet_store;
mod rollouts;
mod seen;
mod stage;
mod stories;
mod world;
mod zones;
