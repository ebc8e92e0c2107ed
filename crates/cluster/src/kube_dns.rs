//! Service `kube-dns`, the address by which a cluster's pods know its DNS. The nodes themselves answer there; pods with the
//! selector's label, if somebody runs CoreDNS, take over.

use apiserver::ApiServer;
use aws_service::records::ensure;
use client::Resource;
use ipnet::Ipv4Net;
use meta::status::Result;
use meta::{Doc, User, user};
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;

const SERVICES: Resource = Resource::new("", "v1", "services");
const NAMESPACE: &str = "kube-system";
/// The tenth address of the service range, as nodes compute it too.
const OFFSET: u32 = 10;

/// To be called before anybody else can take the address.
pub async fn publish(server: &Arc<ApiServer>, range: Ipv4Net) -> Result<()> {
    let admin = server.client(User::authenticated("eks:cluster-bootstrap", [user::MASTERS]));
    ensure(&admin, SERVICES, NAMESPACE, service(range)).await.map(drop)
}

/// As EKS's own CoreDNS add-on makes it.
fn service(range: Ipv4Net) -> Doc {
    let address = Ipv4Addr::from(u32::from(range.network()).wrapping_add(OFFSET));
    let port = |name: &str, number: u16, protocol: &str| json!({"name": name, "port": number, "protocol": protocol, "targetPort": number});
    json!({
        "metadata": {
            "name": "kube-dns", "namespace": NAMESPACE,
            "annotations": {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"},
            "labels": {
                "eks.amazonaws.com/component": "kube-dns", "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true",
                "kubernetes.io/name": "CoreDNS",
            },
        },
        "spec": {
            "clusterIP": address, "type": "ClusterIP", "selector": {"k8s-app": "kube-dns"},
            "ports": [port("dns", 53, "UDP"), port("dns-tcp", 53, "TCP"), port("metrics", 9153, "TCP")],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_address_is_the_tenth() {
        for (range, address) in [("10.100.0.0/16", "10.100.0.10"), ("172.20.0.0/24", "172.20.0.10")] {
            assert_eq!(service(range.parse().expect("a range"))["spec"]["clusterIP"], address, "{range}");
        }
    }
}
