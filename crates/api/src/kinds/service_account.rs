//! v1 ServiceAccount.

use super::row::Row;
use crate::Hooks;
use crate::doc::each;
use meta::Doc;

pub const ROW: Row = Row::new("v1", "ServiceAccount").hooks(Hooks {
    prepare_create: only_secret_names,
    prepare_update: |new, _| only_secret_names(new),
    ..Hooks::NONE
});

/// Secrets are references by name, nothing more.
fn only_secret_names(doc: &mut Doc) {
    each(doc, "secrets", |secret| {
        if let Some(members) = secret.as_object_mut() {
            members.retain(|key, _| key == "name");
        }
    });
}
