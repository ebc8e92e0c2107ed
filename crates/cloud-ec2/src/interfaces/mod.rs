//! Network interfaces. Promise: an interface that is seen with an address has it alone, and every address that it had is
//! free again when its record is gone.

mod control;
pub mod describe;
mod plan;
mod record;

pub use control::InterfaceControl;
pub(crate) use control::{NO_ADDRESS, limit_of, project, taker};
pub(crate) use plan::has_finalizer;
pub(crate) use record::{Attachment, NewInterface, mac_address};
