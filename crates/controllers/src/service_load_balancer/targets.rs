//! Where a load balancer sends a Service's traffic.

use super::cloud::{Target, TargetId};
use meta::Doc;

const EXCLUDE_LABEL: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
const TO_BE_DELETED_TAINT: &str = "ToBeDeletedByClusterAutoscaler";

/// Whether a node takes traffic for others: ready, not on its way out, not excluded. As kubernetes
/// `k8s.io/cloud-provider/controllers/service/controller.go` (predicates) and aws-load-balancer-controller
/// `pkg/backend/traffic_proxy_node.go`.
pub fn is_proxy(node: &Doc) -> bool {
    let labels = &node["metadata"]["labels"];
    let tainted = list(&node["spec"]["taints"]).any(|taint| taint["key"] == TO_BE_DELETED_TAINT);
    let ready = list(&node["status"]["conditions"]).any(|one| one["type"] == "Ready" && one["status"] == "True");
    node["metadata"]["deletionTimestamp"].is_null() && labels[EXCLUDE_LABEL].is_null() && !tainted && ready
}

/// What of a node decides whether and how it is a target.
pub fn projection(node: &Doc) -> (bool, Doc) {
    (is_proxy(node), node["spec"]["providerID"].clone())
}

/// Nodes at the port that they open for the Service.
pub fn nodes(nodes: &[Doc], node_port: u16) -> Vec<Target> {
    let provider = |node: &Doc| node["spec"]["providerID"].as_str().filter(|id| !id.is_empty()).map(str::to_owned);
    let ids = nodes.iter().filter(|node| is_proxy(node)).filter_map(provider);
    sorted(ids.map(|id| Target { id: TargetId::Provider(id), port: node_port }))
}

/// The ready endpoints of a port of the Service, by its name.
pub fn endpoints(slices: &[Doc], port_name: &str) -> Vec<Target> {
    let mut found = Vec::new();
    for slice in slices.iter().filter(|slice| slice["addressType"] == "IPv4") {
        let named = |port: &&Doc| port["name"].as_str().unwrap_or_default() == port_name;
        let number = list(&slice["ports"]).find(named).and_then(|port| port["port"].as_u64());
        let Some(port) = number.and_then(|number| u16::try_from(number).ok()) else { continue };
        // Unknown counts as ready.
        let ready = list(&slice["endpoints"]).filter(|endpoint| endpoint["conditions"]["ready"] != false);
        let addresses = ready.filter_map(|endpoint| endpoint["addresses"][0].as_str());
        found.extend(addresses.map(|address| Target { id: TargetId::Address(address.to_owned()), port }));
    }
    sorted(found.into_iter())
}

/// In one order, so that the same targets are the same list.
fn sorted(targets: impl Iterator<Item = Target>) -> Vec<Target> {
    let mut targets: Vec<Target> = targets.collect();
    targets.sort();
    targets.dedup();
    targets
}

fn list(value: &Doc) -> impl Iterator<Item = &Doc> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn which_nodes_take_traffic() {
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let node = |metadata: Doc, spec: Doc, conditions: &Doc| json!({"metadata": metadata, "spec": spec, "status": {"conditions": conditions}});
        for (node, proxy) in [
            (node(json!({}), json!({}), &ready), true),
            (node(json!({}), json!({"unschedulable": true}), &ready), true),
            (node(json!({}), json!({}), &json!([{"type": "Ready", "status": "Unknown"}])), false),
            (node(json!({"labels": {EXCLUDE_LABEL: ""}}), json!({}), &ready), false),
            (node(json!({"deletionTimestamp": "x"}), json!({}), &ready), false),
            (node(json!({}), json!({"taints": [{"key": TO_BE_DELETED_TAINT}]}), &ready), false),
        ] {
            assert_eq!(is_proxy(&node), proxy, "{node}");
        }
    }

    #[test]
    fn which_endpoints_take_traffic() {
        let slice = |ports: Doc, endpoints: Doc| json!({"addressType": "IPv4", "ports": ports, "endpoints": endpoints});
        let slices = [
            slice(
                json!([{"name": "web", "port": 8080}, {"name": "admin", "port": 9090}]),
                json!([
                    {"addresses": ["10.0.0.2"], "conditions": {"ready": true}}, {"addresses": ["10.0.0.1"]},
                    {"addresses": ["10.0.0.3"], "conditions": {"ready": false}},
                ]),
            ),
            slice(json!([{"name": "web", "port": 8081}]), json!([{"addresses": ["10.0.0.4"]}])),
            json!({"addressType": "IPv6", "ports": [{"name": "web", "port": 1}], "endpoints": [{"addresses": ["::1"]}]}),
        ];
        let shown = |name: &str| -> Vec<String> {
            let text = |target: Target| match target.id {
                TargetId::Address(address) | TargetId::Provider(address) => format!("{address}:{}", target.port),
            };
            endpoints(&slices, name).into_iter().map(text).collect()
        };
        assert_eq!(shown("web"), ["10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.4:8081"]);
        assert_eq!(shown("admin"), ["10.0.0.1:9090", "10.0.0.2:9090"]);
        assert_eq!(shown(""), Vec::<String>::new());
    }
}
