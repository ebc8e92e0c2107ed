//! authentication.k8s.io/v1 and authorization.k8s.io/v1 reviews: answered, never stored.

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, same};
use meta::{Doc, FieldErrors};

const AUTHORIZATION: &str = "authorization.k8s.io/v1";

pub const SUBJECT_ACCESS_REVIEW_ROW: Row =
    Row::new(AUTHORIZATION, "SubjectAccessReview").hooks(Hooks { validate: validate_subject, ..Hooks::NONE });
pub const LOCAL_SUBJECT_ACCESS_REVIEW_ROW: Row =
    Row::new(AUTHORIZATION, "LocalSubjectAccessReview").hooks(Hooks { validate: validate_local, ..Hooks::NONE });
pub const SELF_SUBJECT_ACCESS_REVIEW_ROW: Row = Row::new(AUTHORIZATION, "SelfSubjectAccessReview")
    .hooks(Hooks { validate: |doc, errors| check_attributes(&View::root(doc).get("spec"), errors), ..Hooks::NONE });
pub const TOKEN_REVIEW_ROW: Row = Row::new("authentication.k8s.io/v1", "TokenReview");

fn check_attributes(spec: &View<'_>, errors: &mut FieldErrors) {
    let (resource, path) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
    match (resource.is_set(), path.is_set()) {
        (true, true) => path.invalid(errors, "cannot be specified in combination with resourceAttributes"),
        (false, false) => {
            resource.invalid(errors, "exactly one of nonResourceAttributes or resourceAttributes must be specified");
        }
        _ => {}
    }
}

fn validate_subject(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    check_attributes(&spec, errors);
    if spec.get("user").is_empty() && spec.get("groups").is_empty() {
        errors.invalid(&spec.get("user").path, "", "at least one of user or group must be specified");
    }
}

fn validate_local(doc: &Doc, errors: &mut FieldErrors) {
    validate_subject(doc, errors);
    let root = View::root(doc);
    let (own, asked) = (root.at("metadata.namespace"), root.at("spec.resourceAttributes.namespace"));
    if root.at("spec.resourceAttributes").is_set() && !same(own.doc, asked.doc) {
        errors.invalid(&asked.path, asked.str(), "must match metadata.namespace");
    }
    let path = root.at("spec.nonResourceAttributes");
    if path.is_set() {
        path.invalid(errors, "disallowed on this kind of request");
    }
}
