//! Which of the kubelet's pages a path is.

use percent_encoding::percent_decode_str;

/// A container that a stream goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamTarget {
    pub namespace: String,
    pub pod: String,
    /// Empty: whichever pod has the name.
    pub uid: String,
    pub container: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Healthz,
    Pods,
    Summary,
    Metrics,
    /// The node's own log files.
    Logs,
    ContainerLogs {
        namespace: String,
        pod: String,
        container: String,
    },
    Exec(StreamTarget),
    Attach(StreamTarget),
    PortForward {
        namespace: String,
        pod: String,
        uid: String,
    },
}

impl Route {
    pub fn of(path: &str) -> Option<Self> {
        let parts = path.trim_matches('/').split('/').map(|part| percent_decode_str(part).decode_utf8().ok());
        let parts: Vec<String> = parts.map(|part| part.map(|text| text.into_owned())).collect::<Option<_>>()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let target = |rest: &[&str]| {
            let (namespace, pod, uid, container) = match *rest {
                [namespace, pod, container] => (namespace, pod, "", container),
                [namespace, pod, uid, container] => (namespace, pod, uid, container),
                _ => return None,
            };
            Some(StreamTarget { namespace: namespace.into(), pod: pod.into(), uid: uid.into(), container: container.into() })
        };
        Some(match *parts {
            ["healthz"] | ["healthz", "ping" | "log" | "syncloop"] => Self::Healthz,
            ["pods"] => Self::Pods,
            ["stats", "summary"] => Self::Summary,
            ["metrics"] => Self::Metrics,
            ["logs", ..] => Self::Logs,
            ["containerLogs", namespace, pod, container] => {
                Self::ContainerLogs { namespace: namespace.into(), pod: pod.into(), container: container.into() }
            }
            ["exec", ref rest @ ..] => Self::Exec(target(rest)?),
            ["attach", ref rest @ ..] => Self::Attach(target(rest)?),
            ["portForward", namespace, pod] => {
                Self::PortForward { namespace: namespace.into(), pod: pod.into(), uid: String::new() }
            }
            ["portForward", namespace, pod, uid] => {
                Self::PortForward { namespace: namespace.into(), pod: pod.into(), uid: uid.into() }
            }
            _ => return None,
        })
    }

    pub fn streams(&self) -> bool {
        matches!(self, Self::Exec(_) | Self::Attach(_) | Self::PortForward { .. })
    }
}

/// The subresources of `nodes` that open a path, each alone is enough (kubernetes pkg/kubelet/server/auth.go).
pub(super) fn subresources(path: &str) -> Vec<&'static str> {
    let below = |root: &str| path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    let fine = [("/pods", "pods"), ("/healthz", "healthz"), ("/configz", "configz"), ("/runningpods", "pods")];
    let own = [
        ("/stats", "stats"),
        ("/metrics", "metrics"),
        ("/logs", "log"),
        ("/checkpoint", "checkpoint"),
        ("/statusz", "statusz"),
        ("/flagz", "configz"),
    ];
    let first = fine.iter().find(|(root, _)| below(root)).map(|(_, name)| *name);
    let second = own.iter().find(|(root, _)| below(root)).map_or("proxy", |(_, name)| *name);
    first.into_iter().chain([second]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_need_what_upstream_needs() {
        for (path, expected) in [
            ("/pods", vec!["pods", "proxy"]),
            ("/podsx", vec!["proxy"]),
            ("/healthz/ping", vec!["healthz", "proxy"]),
            ("/stats/summary", vec!["stats"]),
            ("/metrics/cadvisor", vec!["metrics"]),
            ("/logs/kubelet.log", vec!["log"]),
            ("/exec/a/b/c", vec!["proxy"]),
            ("/containerLogs/a/b/c", vec!["proxy"]),
            ("/", vec!["proxy"]),
        ] {
            assert_eq!(subresources(path), expected, "{path}");
        }
    }

    #[test]
    fn paths_lead_to_pages() {
        for (path, expected) in [
            ("/exec/ns/p/c", r#"Exec(StreamTarget { namespace: "ns", pod: "p", uid: "", container: "c" })"#),
            ("/attach/ns/p/u/c", r#"Attach(StreamTarget { namespace: "ns", pod: "p", uid: "u", container: "c" })"#),
            ("/portForward/ns/p", r#"PortForward { namespace: "ns", pod: "p", uid: "" }"#),
            ("/containerLogs/ns/p/c", r#"ContainerLogs { namespace: "ns", pod: "p", container: "c" }"#),
            ("/pods/", "Pods"),
            ("/logs/", "Logs"),
        ] {
            assert_eq!(Route::of(path).map(|route| format!("{route:?}")).as_deref(), Some(expected), "{path}");
        }
        for path in ["/", "/exec/a/b", "/exec/a/b/c/d/e", "/run/a/b/c", "/pods/x", "/containerLogs/a/b"] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
