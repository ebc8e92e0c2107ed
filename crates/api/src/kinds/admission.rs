//! Kinds that extend the API server: webhook configurations, admission policies, CustomResourceDefinition, APIService.

use super::row::Row;
use crate::Hooks;
use crate::doc::{each, ensure, set_default, with};
use meta::{Doc, names};
use serde_json::json;

const API: &str = "admissionregistration.k8s.io/v1";

pub const MUTATING_WEBHOOK_ROW: Row = Row::new(API, "MutatingWebhookConfiguration")
    .generation()
    .conditional_update()
    .hooks(Hooks { default: |doc| default_webhooks(doc, true), ..Hooks::NONE });

pub const VALIDATING_WEBHOOK_ROW: Row = Row::new(API, "ValidatingWebhookConfiguration")
    .generation()
    .conditional_update()
    .hooks(Hooks { default: |doc| default_webhooks(doc, false), ..Hooks::NONE });

pub const CRD_ROW: Row = Row::new("apiextensions.k8s.io/v1", "CustomResourceDefinition").generation().conditional_update();
/// The core group's is called `v1.`, which is no subdomain.
pub const API_SERVICE_ROW: Row =
    Row::new("apiregistration.k8s.io/v1", "APIService").name_check(names::path_segment).conditional_update();

const fn policy(kind: &'static str) -> Row {
    Row::new(API, kind).generation().hooks(Hooks {
        default: |doc| {
            let spec = ensure(doc, "spec");
            set_default(spec, "failurePolicy", "Fail");
            with(spec, "matchConstraints", default_match);
        },
        ..Hooks::NONE
    })
}

const fn binding(kind: &'static str) -> Row {
    Row::new(API, kind)
        .generation()
        .hooks(Hooks { default: |doc| with(ensure(doc, "spec"), "matchResources", default_match), ..Hooks::NONE })
}

pub const VALIDATING_POLICY_ROW: Row = policy("ValidatingAdmissionPolicy");
pub const VALIDATING_BINDING_ROW: Row = binding("ValidatingAdmissionPolicyBinding");
pub const MUTATING_POLICY_ROW: Row = policy("MutatingAdmissionPolicy");
pub const MUTATING_BINDING_ROW: Row = binding("MutatingAdmissionPolicyBinding");

/// What a policy or its binding applies to.
fn default_match(resources: &mut Doc) {
    set_default(resources, "matchPolicy", "Equivalent");
    set_default(resources, "namespaceSelector", json!({}));
    set_default(resources, "objectSelector", json!({}));
    for rules in ["resourceRules", "excludeResourceRules"] {
        each(resources, rules, |rule| set_default(rule, "scope", "*"));
    }
}

fn default_webhooks(doc: &mut Doc, mutating: bool) {
    each(doc, "webhooks", |webhook| {
        for (field, value) in [
            ("failurePolicy", json!("Fail")),
            ("matchPolicy", json!("Equivalent")),
            ("namespaceSelector", json!({})),
            ("objectSelector", json!({})),
            ("timeoutSeconds", json!(10)),
        ] {
            set_default(webhook, field, value);
        }
        if mutating {
            set_default(webhook, "reinvocationPolicy", "Never");
        }
        each(webhook, "rules", |rule| set_default(rule, "scope", "*"));
        with(webhook, "clientConfig", |client| with(client, "service", |service| set_default(service, "port", 443)));
    });
}
