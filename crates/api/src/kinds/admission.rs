//! Kinds that extend the API server: webhook configurations, CustomResourceDefinition, APIService.

use super::row::Row;
use crate::Hooks;
use crate::doc::{each, set_default, with};
use meta::Doc;
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
pub const API_SERVICE_ROW: Row = Row::new("apiregistration.k8s.io/v1", "APIService").conditional_update();

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
