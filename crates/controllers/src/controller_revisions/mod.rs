//! The history of a set's pod template: one ControllerRevision per template it has had, the latest with the highest number.
//! Follows kubernetes `pkg/controller/history/controller_history.go` and `pkg/controller/daemon/update.go`.

mod history;
mod revision;

pub(crate) use history::{History, Past};
pub(crate) use revision::{HASH_LABEL, Revision, surplus};
