//! `proxy` of nodes, pods and services: `[scheme:]name[:port]`, and the path behind it.

use super::backend::Backend;
use super::{Connect, PODS, SERVICES, SLICES, relay};
use ::http::Response;
use client::Options;
use meta::status::Result;
use meta::{Doc, Reason, Status};
use serve::Body;
use std::net::{IpAddr, SocketAddr};

/// What the name in the path says (k8s.io/apimachinery `pkg/util/net` SplitSchemeNamePort).
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    tls: bool,
    name: &'a str,
    port: &'a str,
}

impl<'a> Wanted<'a> {
    fn parse(id: &'a str) -> Option<Self> {
        let (scheme, name, port) = match id.split(':').collect::<Vec<_>>()[..] {
            [name] => ("", name, ""),
            [name, port] => ("", name, port),
            [scheme @ ("" | "http" | "https"), name, port] => (scheme, name, port),
            _ => return None,
        };
        (!name.is_empty()).then_some(Self { tls: scheme == "https", name, port })
    }
}

impl Connect<'_> {
    pub(super) async fn proxy(self) -> Result<Response<Body>> {
        let target = self.call.target.clone();
        let kind = target.resource.resource.as_str();
        let invalid = || Status::bad_request(format!("invalid {} request {:?}", kind.trim_end_matches('s'), target.name));
        let wanted = Wanted::parse(&target.name).ok_or_else(invalid)?;
        let backend = match kind {
            "nodes" => self.node(&wanted).await?,
            "pods" => self.pod_backend(&target.namespace, &wanted).await?,
            _ => self.service(&target.namespace, &wanted).await?,
        };
        if wanted.tls && !backend.kubelet {
            return Err(Status::bad_request("proxying to HTTPS backends other than kubelets is not supported"));
        }
        let path = behind(self.request.uri(), kind != "nodes");
        relay::proxy(self, backend, &path).await
    }

    async fn node(&self, wanted: &Wanted<'_>) -> Result<Backend> {
        let backend = self.kubelet(wanted.name).await?;
        match wanted.port {
            "" => Ok(backend),
            port => {
                let port: u16 = port.parse().map_err(|_| Status::bad_request(format!("invalid port {port:?}")))?;
                let kubelet = port == backend.address.port();
                let ip = backend.address.ip();
                if !kubelet && !is_allowed(ip) {
                    return Err(Status::bad_request("address not allowed"));
                }
                Ok(Backend { address: SocketAddr::new(ip, port), kubelet })
            }
        }
    }

    async fn pod_backend(&self, namespace: &str, wanted: &Wanted<'_>) -> Result<Backend> {
        let pod = self.object(PODS, namespace, wanted.name).await?.to_doc();
        let declared = || {
            let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
            containers.filter_map(|container| container["ports"][0]["containerPort"].as_u64()).next().unwrap_or(80).to_string()
        };
        let port = if wanted.port.is_empty() { declared() } else { wanted.port.to_owned() };
        let ip = pod["status"]["podIP"].as_str().and_then(|ip| ip.parse().ok()).filter(|ip| is_allowed(*ip));
        let ip = ip.ok_or_else(|| Status::bad_request("address not allowed"))?;
        let port = port.parse().map_err(|_| Status::bad_request(format!("invalid port {port:?}")))?;
        Ok(Backend { address: SocketAddr::new(ip, port), kubelet: false })
    }

    async fn service(&self, namespace: &str, wanted: &Wanted<'_>) -> Result<Backend> {
        let name = wanted.name;
        let service = self.object(SERVICES, namespace, name).await?.to_doc();
        let port = port_name(&service, wanted.port)?;
        let options = Options { label_selector: format!("kubernetes.io/service-name={name}"), ..Options::default() };
        let slices = self.reader().list(SLICES, namespace, options).await?.items;
        let addresses: Vec<SocketAddr> = slices.iter().flat_map(|slice| endpoints(&slice.to_doc(), &port)).collect();
        let chosen = addresses.get(self.handler.server.random() as usize % addresses.len().max(1));
        let address = *chosen.ok_or_else(|| unavailable(format!("no endpoints available for service {name:?}")))?;
        Ok(Backend { address, kubelet: false })
    }
}

fn unavailable(message: String) -> Status {
    Status::new(Reason::ServiceUnavailable, message)
}

/// The name of the service's port that was asked for by name or number; the only one is `""` as well.
fn port_name(service: &Doc, asked: &str) -> Result<String> {
    let Ok(number) = asked.parse::<u64>() else { return Ok(asked.to_owned()) };
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let found = ports.into_iter().find(|port| port["port"].as_u64() == Some(number));
    let name = service["metadata"]["name"].as_str().unwrap_or_default();
    let found = found.ok_or_else(|| unavailable(format!("no service port {number} found for service {name:?}")))?;
    Ok(found["name"].as_str().unwrap_or_default().to_owned())
}

/// Ready endpoints behind a port. Only those that are pods: a slice can be written by anybody who may write slices.
fn endpoints(slice: &Doc, port: &str) -> Vec<SocketAddr> {
    let ports: Vec<&Doc> = slice["ports"].as_array().into_iter().flatten().collect();
    let named = ports.iter().find(|candidate| candidate["name"].as_str().unwrap_or_default() == port);
    let only = (port.is_empty() && ports.len() == 1).then(|| &ports[0]);
    let number = named.or(only).and_then(|port| u16::try_from(port["port"].as_u64()?).ok());
    let Some(number) = number else { return Vec::new() };
    let ready = |endpoint: &&Doc| endpoint["conditions"]["ready"] != false && endpoint["targetRef"]["kind"] == "Pod";
    let endpoints = slice["endpoints"].as_array().into_iter().flatten().filter(ready);
    let addresses = endpoints.filter_map(|endpoint| endpoint["addresses"][0].as_str()?.parse().ok());
    addresses.filter(|ip| is_allowed(*ip)).map(|ip| SocketAddr::new(ip, number)).collect()
}

/// `IsGlobalUnicast`: no loopback, no link-local, whatever a status claims.
fn is_allowed(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            !(ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_unspecified() || ip.is_broadcast())
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast() || ip.is_unspecified()),
    }
}

/// The path and query behind the subresource.
fn behind(uri: &::http::Uri, namespaced: bool) -> String {
    // /api/v1/nodes/n/proxy, /api/v1/namespaces/x/pods/p/proxy: so many slashes come before.
    let slashes = if namespaced { 8 } else { 6 };
    let rest = uri.path().splitn(slashes + 1, '/').nth(slashes).unwrap_or_default();
    match uri.query() {
        Some(query) => format!("/{rest}?{query}"),
        None => format!("/{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_say_scheme_and_port() {
        for (id, expected) in [
            ("a", Some((false, "a", ""))),
            ("a:80", Some((false, "a", "80"))),
            ("https:a:web", Some((true, "a", "web"))),
            ("http:a:", Some((false, "a", ""))),
            ("ftp:a:1", None),
            (":80", None),
            ("a:b:c:d", None),
        ] {
            assert_eq!(Wanted::parse(id), expected.map(|(tls, name, port)| Wanted { tls, name, port }), "{id}");
        }
    }

    #[test]
    fn only_ready_pods_are_behind_a_service() {
        let endpoint = |ip: &str, ready: bool, kind: &str| json!({"addresses": [ip], "conditions": {"ready": ready}, "targetRef": {"kind": kind}});
        let slice = json!({
            "ports": [{"name": "web", "port": 8080}],
            "endpoints": [endpoint("10.0.0.1", true, "Pod"), endpoint("10.0.0.2", false, "Pod"), endpoint("10.0.0.3", true, "Node"),
                endpoint("127.0.0.1", true, "Pod"), endpoint("169.254.169.254", true, "Pod")],
        });
        for (port, expected) in [("web", vec!["10.0.0.1:8080"]), ("", vec!["10.0.0.1:8080"]), ("other", vec![])] {
            let found: Vec<String> = endpoints(&slice, port).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{port}");
        }
    }

    #[test]
    fn the_path_behind_is_kept() {
        for (path, namespaced, expected) in [
            ("/api/v1/nodes/n/proxy", false, "/"),
            ("/api/v1/nodes/proxy/proxy/", false, "/"),
            ("/api/v1/nodes/n/proxy/stats/summary?a=b", false, "/stats/summary?a=b"),
            ("/api/v1/namespaces/proxy/pods/p/proxy/a/proxy/b", true, "/a/proxy/b"),
        ] {
            assert_eq!(behind(&path.parse().expect("a path"), namespaced), expected, "{path}");
        }
    }
}
