//! How a patch becomes a proposed object.

use super::prepare::Decoded;
use crate::server::{ApiServer, Cx};
use client::{Body, PatchKind};
use meta::status::Result;
use meta::{Doc, Reason, Status};

impl ApiServer {
    /// The stored object with the call's patch applied, checked against the schema.
    pub(crate) fn patched(&self, cx: &Cx<'_>, old: &Doc) -> Result<(Doc, Vec<String>)> {
        let Body::Patch(kind, patch) = &cx.call.body else {
            return Err(Status::bad_request("a patch request needs a patch"));
        };
        let proposed = self.apply_patch(cx, *kind, patch, old)?;
        let Decoded { doc, warnings } = self.decode(cx, proposed, &cx.def.gvk())?;
        Ok((doc, warnings))
    }

    pub(crate) fn apply_patch(&self, cx: &Cx<'_>, kind: PatchKind, patch: &Doc, old: &Doc) -> Result<Doc> {
        match kind {
            PatchKind::Json => schema::json_patch(old, patch).map_err(patch_error),
            PatchKind::Merge => schema::merge_patch(old, patch).map_err(patch_error),
            PatchKind::Strategic => match self.published.structure.strategic_merge(&cx.def, old, patch) {
                Some(outcome) => outcome.map_err(patch_error),
                None => Err(Status::unsupported_media_type("application/json-patch+json, application/merge-patch+json")),
            },
        }
    }
}

fn patch_error(error: schema::PatchError) -> Status {
    let reason = match error {
        schema::PatchError::BadRequest(_) => Reason::BadRequest,
        schema::PatchError::TooLarge(_) => Reason::RequestEntityTooLarge,
        schema::PatchError::Unprocessable(_) => Reason::Invalid,
        schema::PatchError::Internal(_) => Reason::InternalError,
    };
    Status::new(reason, error.to_string())
}
