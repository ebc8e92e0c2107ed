//! coordination.k8s.io/v1 Lease.

use super::row::Row;
use crate::Hooks;
use crate::doc::View;
use meta::{Doc, FieldErrors};

pub const ROW: Row =
    Row::new("coordination.k8s.io/v1", "Lease").create_on_update().conditional_update().hooks(Hooks { validate, ..Hooks::NONE });

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    let seconds = spec.get("leaseDurationSeconds");
    if seconds.int().is_some_and(|n| n <= 0) {
        seconds.invalid(errors, "must be greater than 0");
    }
    spec.get("leaseTransitions").non_negative(errors);
}
