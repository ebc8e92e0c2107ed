//! Acting as somebody else, for those allowed to (k8s.io/apiserver `pkg/endpoints/filters/impersonation`).

use crate::server::ApiServer;
use auth::Attributes;
use http::HeaderMap;
use meta::status::Result;
use meta::{Status, User, user};
use std::collections::BTreeMap;
use std::sync::Arc;

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA_PREFIX: &str = "impersonate-extra-";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// The user that the request wants to be, when `caller` may be that one.
pub(crate) fn impersonate(server: &ApiServer, headers: &HeaderMap, caller: Arc<User>) -> Result<Arc<User>> {
    let texts =
        |name: &str| -> Vec<String> { headers.get_all(name).iter().filter_map(|v| v.to_str().ok().map(str::to_owned)).collect() };
    let name = texts(USER).into_iter().next().unwrap_or_default();
    let (groups, uid) = (texts(GROUP), texts(UID).into_iter().next().unwrap_or_default());
    let extra = extras(headers);
    if name.is_empty() {
        if groups.is_empty() && uid.is_empty() && extra.is_empty() {
            return Ok(caller);
        }
        return Err(Status::bad_request("requested impersonation without impersonating a user"));
    }
    let account = service_account(&name);
    match account {
        Some((namespace, name)) => check(server, &caller, "", "serviceaccounts", "", namespace, name)?,
        None => check(server, &caller, "", "users", "", "", &name)?,
    }
    groups.iter().try_for_each(|group| check(server, &caller, "", "groups", "", "", group))?;
    if !uid.is_empty() {
        check(server, &caller, AUTHENTICATION, "uids", "", "", &uid)?;
    }
    for (key, values) in &extra {
        values.iter().try_for_each(|value| check(server, &caller, AUTHENTICATION, "userextras", key, "", value))?;
    }
    let mut user = match account {
        Some((namespace, name)) if groups.is_empty() => User::service_account(namespace, name),
        _ if name == user::ANONYMOUS => User::anonymous(),
        _ => User::authenticated(&*name, groups),
    };
    (user.uid, user.extra) = (uid, extra);
    Ok(Arc::new(user))
}

fn extras(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if let (Some(key), Ok(value)) = (name.as_str().strip_prefix(EXTRA_PREFIX), value.to_str()) {
            let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy().into_owned();
            extra.entry(key).or_default().push(value.to_owned());
        }
    }
    extra
}

fn service_account(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(user::SERVICE_ACCOUNT_PREFIX)?.split_once(':')
}

fn check(
    server: &ApiServer,
    caller: &User,
    group: &str,
    resource: &str,
    subresource: &str,
    namespace: &str,
    name: &str,
) -> Result<()> {
    let attributes = Attributes::resource(caller, "impersonate", group, resource).in_namespace(namespace).named(name);
    server.decide(&Attributes { subresource, ..attributes })
}
