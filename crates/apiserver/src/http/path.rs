//! Which resource a path means (k8s.io/apiserver `pkg/endpoints/request/requestinfo.go`).

use client::Target;
use meta::Gvr;
use percent_encoding::percent_decode_str;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Resource(Target),
    /// Everything else: discovery, health, OpenAPI.
    Other,
}

const NAMESPACES: &str = "namespaces";
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

pub(super) fn resolve(path: &str) -> Route {
    let decoded: Option<Vec<String>> =
        path.trim_matches('/').split('/').map(|s| percent_decode_str(s).decode_utf8().ok().map(|s| s.into_owned())).collect();
    let Some(parts) = decoded else { return Route::Other };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (group, version, rest) = match parts[..] {
        ["api", version, ref rest @ ..] => ("", version, rest),
        ["apis", group, version, ref rest @ ..] => (group, version, rest),
        _ => return Route::Other,
    };
    let (namespace, rest) = match rest {
        // `namespaces/x` and its own subresources are the namespace itself.
        [NAMESPACES, name] | [NAMESPACES, name, ""] => return target(group, version, "", NAMESPACES, name, &[]),
        [NAMESPACES, name, sub] if NAMESPACE_SUBRESOURCES.contains(sub) => {
            return target(group, version, "", NAMESPACES, name, &[sub]);
        }
        [NAMESPACES, namespace, rest @ ..] => (*namespace, rest),
        rest => ("", rest),
    };
    match rest {
        [] | [""] => Route::Other,
        [resource] => target(group, version, namespace, resource, "", &[]),
        [resource, name, sub @ ..] => target(group, version, namespace, resource, name, sub),
    }
}

fn target(group: &str, version: &str, namespace: &str, resource: &str, name: &str, sub: &[&str]) -> Route {
    Route::Resource(Target {
        resource: Gvr::new(group, version, resource),
        namespace: namespace.into(),
        name: name.into(),
        // Behind a proxy subresource comes the path to proxy to.
        subresource: sub.first().copied().unwrap_or_default().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_their_targets() {
        for (path, expected) in [
            ("/api/v1/pods", "/v1/pods  "),
            ("/api/v1/namespaces", "/v1/namespaces  "),
            ("/api/v1/namespaces/", "/v1/namespaces  "),
            ("/api/v1/namespaces/a", "/v1/namespaces  a"),
            ("/api/v1/namespaces/a/finalize", "/v1/namespaces  a finalize"),
            ("/api/v1/namespaces/a/pods", "/v1/pods a "),
            ("/api/v1/namespaces/a/pods/b%2Fc/log", "/v1/pods a b/c log"),
            ("/apis/apps/v1/namespaces/a/deployments/b", "apps/v1/deployments a b"),
            ("/apis/apps/v1/deployments/", "apps/v1/deployments  "),
            (
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
                "rbac.authorization.k8s.io/v1/clusterroles  system:node",
            ),
            ("/apis/apps/v1", "other"),
            ("/api/v1/", "other"),
            ("/apis", "other"),
            ("/healthz", "other"),
        ] {
            let shown = match resolve(path) {
                Route::Other => "other".to_owned(),
                Route::Resource(t) => {
                    let text =
                        format!("{}/{}/{} {} {}", t.resource.group, t.resource.version, t.resource.resource, t.namespace, t.name);
                    if t.subresource.is_empty() { text } else { format!("{text} {}", t.subresource) }
                }
            };
            assert_eq!(shown, expected, "{path}");
        }
    }
}
