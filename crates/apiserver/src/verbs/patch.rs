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
            PatchKind::Merge => Ok(schema::merge_patch(old, patch)),
            PatchKind::Strategic => match self.structure.strategic_merge(&cx.def, old, patch) {
                Some(outcome) => outcome.map_err(patch_error),
                None => Err(Status::unsupported_media_type("application/json-patch+json, application/merge-patch+json")),
            },
        }
    }
}

fn patch_error(error: schema::PatchError) -> Status {
    match error {
        schema::PatchError::Malformed(why) => Status::bad_request(why),
        schema::PatchError::Unsupported => Status::new(
            Reason::UnsupportedMediaType,
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json",
        ),
        schema::PatchError::Invalid(why) => {
            let mut status = Status::new(Reason::Invalid, format!("the server rejected our request due to an error in our request: {why}"));
            status.details = serde_json::json!({});
            status
        }
    }
}
