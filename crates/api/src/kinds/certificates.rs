//! certificates.k8s.io/v1. Who asks is written into its spec by the API server.

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, restore};
use meta::{Doc, FieldErrors, names};

const SHORTEST_SECONDS: i64 = 600;

pub const CSR_ROW: Row = Row::new("certificates.k8s.io/v1", "CertificateSigningRequest")
    .selectable(&["spec.signerName"])
    .hooks(Hooks { prepare_update: |new, old| restore(new, old, "spec"), validate, ..Hooks::NONE });

/// Named `<signer with colons for slashes>:<name>`, which is no subdomain.
pub const CLUSTER_TRUST_BUNDLE_ROW: Row = Row::new("certificates.k8s.io/v1", "ClusterTrustBundle")
    .name_check(names::path_segment)
    .selectable(&["spec.signerName"])
    .hooks(Hooks {
        validate: |doc, errors| {
            View::root(doc).at("spec.trustBundle").require(errors);
        },
        validate_update: |new, old, errors| {
            View::root(new).at("spec.signerName").immutable(&View::root(old).at("spec.signerName"), errors);
        },
        ..Hooks::NONE
    });

fn validate(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    spec.get("request").require(errors);
    if spec.get("usages").is_empty() {
        spec.get("usages").required(errors, "");
    }
    let signer = spec.get("signerName");
    if signer.require(errors) {
        match signer.str().split_once('/') {
            None => signer.invalid(errors, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
            Some((domain, _)) => names::dns_subdomain(domain).into_iter().for_each(|p| signer.invalid(errors, p)),
        }
    }
    let seconds = spec.get("expirationSeconds");
    if seconds.int().is_some_and(|n| n < SHORTEST_SECONDS) {
        seconds.invalid(errors, "may not specify a duration less than 600 seconds (10 minutes)");
    }
}
