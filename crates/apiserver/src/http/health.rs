//! `/livez`, `/readyz` and their checks, worded as k8s.io/apiserver `pkg/server/healthz` words them.

use super::reply;
use crate::server::ApiServer;
use ::http::Response;
use serve::Body;

type Check = fn(&ApiServer) -> bool;

/// Every check by its upstream name.
const CHECKS: [(&str, Check); 4] = [
    ("ping", |_| true),
    ("etcd", ApiServer::is_following),
    ("informer-sync", ApiServer::is_following),
    ("poststarthook/rbac/bootstrap-roles", ApiServer::is_bootstrapped),
];

pub(super) fn answer(server: &ApiServer, path: &str, query: &str) -> Response<Body> {
    let failed = CHECKS.iter().any(|(_, check)| !check(server));
    let verbose = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "verbose");
    if !failed && !verbose {
        return reply::text(200, "ok".into());
    }
    let name = path.trim_matches('/');
    let mut text = String::new();
    for (check, holds) in CHECKS {
        text.push_str(&if holds(server) { format!("[+]{check} ok\n") } else { format!("[-]{check} failed: reason withheld\n") });
    }
    text.push_str(&format!("{name} check {}\n", if failed { "failed" } else { "passed" }));
    reply::text(if failed { 500 } else { 200 }, text)
}

fn split(path: &str) -> Option<(&str, &str)> {
    ["/healthz/", "/livez/", "/readyz/"].iter().find_map(|prefix| path.strip_prefix(prefix).map(|check| (*prefix, check)))
}

pub(super) fn is_check(path: &str) -> bool {
    split(path).is_some_and(|(_, name)| CHECKS.iter().any(|(check, _)| *check == name))
}

pub(super) fn one(server: &ApiServer, path: &str) -> Response<Body> {
    let name = split(path).map(|(_, name)| name).unwrap_or_default();
    match CHECKS.iter().find(|(check, _)| *check == name) {
        Some((_, check)) if check(server) => reply::text(200, "ok".into()),
        _ => reply::text(500, "internal server error: reason withheld\n".into()),
    }
}
