//! A token dies with the objects it is bound to (kubernetes `pkg/serviceaccount/claims.go`).

use super::claims::{Claims, ObjectRef};
use meta::Time;

/// An object deleted longer ago than this no longer lends its identity.
const LEEWAY_SECONDS: i64 = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundKind {
    ServiceAccount,
    Secret,
    Pod,
    Node,
}

/// What the API server knows of a bound object.
#[derive(Clone, Debug, Default)]
pub struct Existing {
    pub uid: String,
    pub deletion_timestamp: Option<Time>,
}

const GONE: &str = "service account token has been invalidated";

/// Fails with upstream's text when an object is gone, is being deleted, or is another one of the same name.
/// `find` looks up by kind, namespace (empty for nodes) and name.
pub fn check_bound_objects(
    claims: &Claims,
    now: Time,
    find: impl Fn(BoundKind, &str, &str) -> Option<Existing>,
) -> Result<(), String> {
    let of = &claims.kubernetes;
    let deleted = |object: &Existing| object.deletion_timestamp.is_some_and(|t| t.unix() < now.unix() - LEEWAY_SECONDS);
    let account = &of.serviceaccount;
    let found = find(BoundKind::ServiceAccount, &of.namespace, &account.name)
        .ok_or_else(|| format!("serviceaccounts {:?} not found", account.name))?;
    if found.uid != account.uid {
        return Err(format!("service account UID ({}) does not match claim ({})", found.uid, account.uid));
    }
    if deleted(&found) {
        return Err(format!("service account {}/{} has been deleted", of.namespace, account.name));
    }
    let check = |kind, namespace: &str, claim: &ObjectRef, title: &str, short: &str| -> Result<(), String> {
        let found = find(kind, namespace, &claim.name).ok_or(GONE)?;
        if found.uid != claim.uid {
            return Err(format!("{title} UID ({}) does not match service account {short} ref claim ({})", found.uid, claim.uid));
        }
        if deleted(&found) { Err(GONE.into()) } else { Ok(()) }
    };
    if let Some(secret) = &of.secret {
        check(BoundKind::Secret, &of.namespace, secret, "secret", "secret")?;
    }
    match (&of.pod, &of.node) {
        (Some(pod), _) => check(BoundKind::Pod, &of.namespace, pod, "pod", "pod"),
        (None, Some(node)) => check(BoundKind::Node, "", node, "node", "node"),
        (None, None) => Ok(()),
    }
}
