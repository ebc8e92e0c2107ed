//! admissionregistration.k8s.io.

use super::cells::{UNSET, has, or, selector_or_none, text};
use super::{age, name, of, string};
use crate::{Cell, Column};
use meta::Doc;

pub fn columns(kind: &str, _minor: u32) -> Option<Vec<Column>> {
    let columns = match kind {
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            vec![name(), Column::new("Webhooks", "integer", Cell::Count("/webhooks")), age()]
        }
        "ValidatingAdmissionPolicy" => {
            vec![name(), Column::new("Validations", "integer", Cell::Count("/spec/validations")), param_kind(), age()]
        }
        "MutatingAdmissionPolicy" => {
            vec![name(), Column::new("Mutations", "integer", Cell::Count("/spec/mutations")), param_kind(), age()]
        }
        "ValidatingAdmissionPolicyBinding" | "MutatingAdmissionPolicyBinding" => {
            vec![name(), string("PolicyName", "/spec/policyName"), of("ParamRef", "string", |doc, _| param(doc).into()), age()]
        }
        _ => return None,
    };
    Some(columns)
}

fn param_kind() -> Column {
    of("ParamKind", "string", |doc, _| match has(doc, "/spec/paramKind") {
        true => format!("{}/{}", text(doc, "/spec/paramKind/apiVersion"), text(doc, "/spec/paramKind/kind")).into(),
        false => UNSET.into(),
    })
}

fn param(binding: &Doc) -> String {
    match (text(binding, "/spec/paramRef/namespace"), text(binding, "/spec/paramRef/name")) {
        // Whether the parameter has a namespace at all cannot be told from here.
        (namespace, name) if !name.is_empty() => format!("{}/{name}", or(namespace, "*")),
        _ if has(binding, "/spec/paramRef/selector") => selector_or_none(binding, "/spec/paramRef/selector"),
        _ => UNSET.into(),
    }
}
