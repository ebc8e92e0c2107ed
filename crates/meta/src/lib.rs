//! The words every other crate speaks: object metadata, selectors, statuses, field errors, users, time.
//! Pure data: no I/O, no async, no clock of its own.

pub mod cron;
pub mod field;
pub mod group;
pub mod labels;
pub mod names;
pub mod object;
mod part;
pub mod placement;
pub mod quantity;
pub mod status;
pub mod texts;
pub mod time;
pub mod user;

pub use field::{FieldErrors, Path};
pub use group::{GroupKind, GroupResource, GroupVersion, Gvk, Gvr};
pub use labels::{FieldSelector, LabelSelector, LabelSet};
pub use object::{Meta, Object, OwnerReference};
pub use status::{Reason, Status};
pub use texts::{Fields, Labels, Texts};
pub use time::{Clock, SystemClock, Time};
pub use user::User;

/// A JSON document as it travels between the layers.
pub type Doc = serde_json::Value;
