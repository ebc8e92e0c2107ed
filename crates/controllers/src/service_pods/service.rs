//! What endpoints follow of a Service.

use meta::{Doc, Object, Time};
use std::collections::BTreeMap;
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// As `addressType` of slices and `ipFamilies` of Services have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|family| family.as_str() == text)
    }

    pub fn of(address: &IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServicePort {
    pub name: String,
    pub protocol: String,
    pub app_protocol: Option<String>,
    /// A number, or the name of a container's port.
    pub target: Doc,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Service {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub created: Option<Time>,
    pub labels: BTreeMap<String, String>,
    /// None: its endpoints are somebody else's, or it has none.
    pub selector: Option<Vec<(String, String)>>,
    pub ports: Vec<ServicePort>,
    /// No address of its own: names lead to its pods.
    pub headless: bool,
    /// `clusterIP: None`, which may do without ports.
    pub portless: bool,
    pub families: Vec<Family>,
    pub publish_not_ready: bool,
    pub traffic_distribution: Option<String>,
    pub deleting: bool,
}

/// Which endpoints carry when their Service has no address.
pub(crate) const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";
/// Either asks for hints by zone, as `trafficDistribution` does since; with it that field counts for nothing.
const TOPOLOGY_ANNOTATIONS: [&str; 2] = ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];

impl Service {
    pub fn of(object: &Object) -> Self {
        let doc = object.to_doc();
        let (metadata, spec) = (&doc["metadata"], &doc["spec"]);
        let cluster_ip = spec["clusterIP"].as_str().unwrap_or_default();
        let portless = cluster_ip == "None";
        let selector = texts(&spec["selector"]);
        let named = |key: &&str| metadata["annotations"].get(*key).and_then(Doc::as_str);
        let by_topology = TOPOLOGY_ANNOTATIONS.iter().find_map(named).is_some_and(|mode| matches!(mode, "Auto" | "auto"));
        Self {
            namespace: object.meta.namespace.clone(),
            name: object.meta.name.clone(),
            uid: object.meta.uid.clone(),
            created: metadata["creationTimestamp"].as_str().and_then(Time::parse),
            labels: texts(&metadata["labels"]),
            selector: (spec["type"] != "ExternalName" && !selector.is_empty()).then(|| selector.into_iter().collect()),
            ports: spec["ports"].as_array().into_iter().flatten().map(port).collect(),
            headless: portless || cluster_ip.is_empty(),
            portless,
            families: families(&spec["ipFamilies"], cluster_ip),
            publish_not_ready: spec["publishNotReadyAddresses"] == true,
            traffic_distribution: spec["trafficDistribution"].as_str().filter(|_| !by_topology).map(str::to_owned),
            deleting: object.meta.is_deleting(),
        }
    }

    /// The labels that its endpoints take over.
    pub fn labels_with_headless(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.remove(HEADLESS_LABEL);
        if self.headless {
            labels.insert(HEADLESS_LABEL.into(), String::new());
        }
        labels
    }
}

fn port(doc: &Doc) -> ServicePort {
    let text = |field: &str| doc[field].as_str().map(str::to_owned);
    ServicePort {
        name: text("name").unwrap_or_default(),
        protocol: text("protocol").unwrap_or_else(|| "TCP".into()),
        app_protocol: text("appProtocol"),
        target: if doc["targetPort"].is_null() { doc["port"].clone() } else { doc["targetPort"].clone() },
    }
}

fn families(doc: &Doc, cluster_ip: &str) -> Vec<Family> {
    let named: Vec<Family> = doc.as_array().into_iter().flatten().filter_map(|f| Family::parse(f.as_str()?)).collect();
    match cluster_ip.parse() {
        _ if !named.is_empty() => named,
        Ok(address) => vec![Family::of(&address)],
        Err(_) => vec![Family::V4],
    }
}

/// A map of texts.
pub(crate) fn texts(doc: &Doc) -> BTreeMap<String, String> {
    let entries = doc.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_has_endpoints_and_of_which_family() {
        let auto = json!({"service.kubernetes.io/topology-mode": "Auto"});
        for (annotations, spec, expected) in [
            (Doc::Null, json!({"selector": {"a": "b"}, "clusterIP": "10.0.0.1"}), (true, false, &[Family::V4][..], false)),
            (Doc::Null, json!({"selector": {"a": "b"}, "clusterIP": "fd00::1"}), (true, false, &[Family::V6], false)),
            (
                Doc::Null,
                json!({"selector": {}, "clusterIP": "None", "ipFamilies": ["IPv6", "IPv4"]}),
                (false, true, &[Family::V6, Family::V4], false),
            ),
            (Doc::Null, json!({"selector": {"a": "b"}, "type": "ExternalName"}), (false, true, &[Family::V4], false)),
            (Doc::Null, json!({"trafficDistribution": "PreferSameZone"}), (false, true, &[Family::V4], true)),
            (auto, json!({"trafficDistribution": "PreferSameZone"}), (false, true, &[Family::V4], false)),
        ] {
            let doc = json!({"metadata": {"name": "web", "annotations": annotations}, "spec": spec});
            let service = Service::of(&Object::from_doc(&doc, 1).expect("a valid object"));
            let has =
                (service.selector.is_some(), service.headless, &service.families[..], service.traffic_distribution.is_some());
            assert_eq!(has, expected, "{doc}");
        }
    }
}
