//! Certificate requests: who asks is on record, and nobody approves or signs for a signer they have no say over
//! (kubernetes `pkg/registry/certificates/certificates/strategy.go` and `plugin/pkg/admission/certificates`).

use super::{Admission, Operation, Plugin};
use crate::server::ApiServer;
use auth::Attributes;
use auth::pki::SigningRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meta::status::Result;
use meta::{Doc, Status, user};
use serde_json::json;

const GROUP: &str = "certificates.k8s.io";
const REQUESTS: &str = "certificatesigningrequests";
const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";

pub(super) struct Certificates;

#[async_trait::async_trait]
impl Plugin for Certificates {
    async fn admit(&self, _: &ApiServer, admission: &Admission<'_>, request: &mut Doc) -> Result<()> {
        if admission.is(Operation::Create, GROUP, REQUESTS) {
            sign_with_requester(admission, &mut request["spec"]);
        }
        Ok(())
    }

    async fn check(&self, server: &ApiServer, admission: &Admission<'_>, request: Option<&Doc>) -> Result<()> {
        let target = &admission.cx.call.target;
        let (Some(request), true) = (request, target.resource.group == GROUP && target.resource.resource == REQUESTS) else {
            return Ok(());
        };
        match (admission.operation, target.subresource.as_str()) {
            (Operation::Create, "") => restrict_subject(admission, request),
            (Operation::Update, "approval") => has_a_say(server, admission, request, "approve"),
            (Operation::Update, "status") if signs(request, admission.old) => has_a_say(server, admission, request, "sign"),
            _ => Ok(()),
        }
    }
}

/// What the client wrote about itself is replaced by what is known of it.
fn sign_with_requester(admission: &Admission<'_>, spec: &mut Doc) {
    let user = admission.cx.user;
    for field in ["username", "uid", "groups", "extra"] {
        crate::verbs::prepare::remove(spec, field);
    }
    spec["username"] = user.name.clone().into();
    spec["groups"] = json!(user.groups);
    if !user.uid.is_empty() {
        spec["uid"] = user.uid.clone().into();
    }
    if !user.extra.is_empty() {
        spec["extra"] = json!(user.extra);
    }
}

fn refuse(admission: &Admission<'_>, why: String) -> Status {
    Status::forbidden(&admission.cx.def.group_resource(), admission.name(), why)
}

/// A certificate of the API server's own clients must not make anybody a cluster administrator.
fn restrict_subject(admission: &Admission<'_>, request: &Doc) -> Result<()> {
    if request["spec"]["signerName"] != CLIENT_SIGNER {
        return Ok(());
    }
    let pem =
        STANDARD.decode(request["spec"]["request"].as_str().unwrap_or_default()).ok().and_then(|b| String::from_utf8(b).ok());
    let parsed = SigningRequest::from_pem(&pem.unwrap_or_default())
        .map_err(|error| refuse(admission, format!("unable to parse CSR: {error}")))?;
    if parsed.organizations.iter().any(|organization| organization == user::MASTERS) {
        let why = format!("use of {CLIENT_SIGNER} signer with {} group is not allowed", user::MASTERS);
        return Err(refuse(admission, why));
    }
    Ok(())
}

fn signs(request: &Doc, old: Option<&Doc>) -> bool {
    let part = |doc: &Doc, field: &str| doc["status"][field].clone();
    ["certificate", "conditions"].iter().any(|field| part(request, field) != old.map_or(Doc::Null, |old| part(old, field)))
}

/// Permission is given for a signer by its name, or for all of a domain.
fn has_a_say(server: &ApiServer, admission: &Admission<'_>, request: &Doc, verb: &str) -> Result<()> {
    // The signer is the stored request's: an update cannot bring its own.
    let signer = admission.old.unwrap_or(request)["spec"]["signerName"].as_str().unwrap_or_default();
    let domain = format!("{}/*", signer.split('/').next().unwrap_or_default());
    let allowed = [signer, domain.as_str()].iter().any(|name| {
        let attributes = Attributes::resource(admission.cx.user, verb, GROUP, "signers").named(name);
        server.authorizer.authorize(&attributes).is_allowed()
    });
    if allowed {
        Ok(())
    } else {
        Err(refuse(admission, format!("user not permitted to {verb} requests with signerName {signer:?}")))
    }
}
