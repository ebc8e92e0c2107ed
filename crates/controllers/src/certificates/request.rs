//! What a request asks for, and whether that fits its signer (kubernetes `pkg/apis/certificates/helpers.go`).

use auth::pki::SigningRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meta::{Doc, user};

pub(super) const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
pub(super) const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
pub(super) const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
pub(super) const LEGACY: &str = "kubernetes.io/legacy-unknown";

const DIGITAL_SIGNATURE: &str = "digital signature";
const KEY_ENCIPHERMENT: &str = "key encipherment";
const SERVER_AUTH: &str = "server auth";
const CLIENT_AUTH: &str = "client auth";

pub(super) fn signer(request: &Doc) -> &str {
    request["spec"]["signerName"].as_str().unwrap_or_default()
}

pub(super) fn parse(request: &Doc) -> Result<SigningRequest, String> {
    let pem = STANDARD.decode(request["spec"]["request"].as_str().unwrap_or_default()).map_err(|e| e.to_string())?;
    let pem = String::from_utf8(pem).map_err(|e| e.to_string())?;
    SigningRequest::from_pem(&pem).map_err(|e| e.to_string())
}

pub(super) fn usages(request: &Doc) -> Vec<&str> {
    request["spec"]["usages"].as_array().into_iter().flatten().filter_map(Doc::as_str).collect()
}

/// Why the signer does not sign this, in upstream's words.
pub(super) fn validate(signer: &str, parsed: &SigningRequest, usages: &[&str]) -> Result<(), &'static str> {
    match signer {
        KUBELET_SERVING => kubelet_serving(parsed, usages),
        KUBELET_CLIENT => kubelet_client(parsed, usages),
        CLIENT => {
            let allowed = usages.iter().all(|usage| [DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, CLIENT_AUTH].contains(usage));
            if allowed && usages.contains(&CLIENT_AUTH) { Ok(()) } else { Err("usages did not match") }
        }
        _ => Ok(()),
    }
}

fn is_nodes_only(parsed: &SigningRequest) -> bool {
    parsed.organizations.len() == 1 && parsed.organizations[0] == user::NODES
}

fn are(usages: &[&str], purpose: &str) -> bool {
    let needed = [DIGITAL_SIGNATURE, purpose];
    needed.iter().all(|usage| usages.contains(usage))
        && usages.iter().all(|usage| needed.contains(usage) || *usage == KEY_ENCIPHERMENT)
}

fn kubelet_serving(parsed: &SigningRequest, usages: &[&str]) -> Result<(), &'static str> {
    if !is_nodes_only(parsed) {
        return Err("organization in CSR is not system:nodes");
    }
    if parsed.dns_names.is_empty() && parsed.ip_addresses.is_empty() {
        return Err("DNS or IP subjectAltName is required");
    }
    if parsed.has_other_names {
        return Err("email and URI subjectAltNames are not allowed");
    }
    if !are(usages, SERVER_AUTH) {
        return Err("usages did not match");
    }
    common_name(parsed)
}

fn kubelet_client(parsed: &SigningRequest, usages: &[&str]) -> Result<(), &'static str> {
    if !is_nodes_only(parsed) {
        return Err("organization in CSR is not system:nodes");
    }
    if !parsed.dns_names.is_empty() || !parsed.ip_addresses.is_empty() || parsed.has_other_names {
        return Err("DNS, IP, email and URI subjectAltNames are not allowed");
    }
    if !are(usages, CLIENT_AUTH) {
        return Err("usages did not match");
    }
    common_name(parsed)
}

fn common_name(parsed: &SigningRequest) -> Result<(), &'static str> {
    let named = parsed.common_name.strip_prefix(user::NODE_PREFIX).is_some_and(|name| !name.is_empty());
    if named { Ok(()) } else { Err("subject common name does not begin with system:node:") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth::pki::PrivateKey;

    fn parsed(common_name: &str, organizations: &[&str], names: &[&str]) -> SigningRequest {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let key = PrivateKey::generate().expect("a key");
        let pem = SigningRequest::write(&key, common_name, &texts(organizations), &texts(names)).expect("a request");
        SigningRequest::from_pem(&pem).expect("what was written")
    }

    #[test]
    fn each_signer_knows_what_it_signs() {
        let (node, nodes) = ("system:node:a", &["system:nodes"][..]);
        let (server, client) =
            (&["digital signature", "server auth"][..], &["digital signature", "key encipherment", "client auth"][..]);
        for (signer, request, usages, why) in [
            (KUBELET_SERVING, parsed(node, nodes, &["a", "10.0.0.1"]), server, ""),
            (KUBELET_SERVING, parsed(node, nodes, &[]), server, "DNS or IP subjectAltName is required"),
            (KUBELET_SERVING, parsed(node, &[], &["a"]), server, "organization in CSR is not system:nodes"),
            (KUBELET_SERVING, parsed(node, &["system:nodes", "x"], &["a"]), server, "organization in CSR is not system:nodes"),
            (KUBELET_SERVING, parsed("a", nodes, &["a"]), server, "subject common name does not begin with system:node:"),
            (KUBELET_SERVING, parsed(node, nodes, &["a"]), client, "usages did not match"),
            (KUBELET_CLIENT, parsed(node, nodes, &[]), client, ""),
            (KUBELET_CLIENT, parsed(node, nodes, &["a"]), client, "DNS, IP, email and URI subjectAltNames are not allowed"),
            (KUBELET_CLIENT, parsed(node, nodes, &[]), server, "usages did not match"),
            (CLIENT, parsed("jane", &[], &[]), client, ""),
            (CLIENT, parsed("jane", &[], &[]), server, "usages did not match"),
            (LEGACY, parsed("anything", &[], &["x"]), server, ""),
        ] {
            assert_eq!(validate(signer, &request, usages).err().unwrap_or_default(), why, "{signer} {request:?} {usages:?}");
        }
    }
}
