//! Services, endpoints and slices.

use crate::{check_create, check_update, def, defaulted, minimal};
use serde_json::json;

#[test]
fn services() {
    let base = minimal::body("Service");
    check_create(
        "v1 Service",
        &base,
        &[
            ("/spec/ports", json!([]), &["spec.ports: Required value"]),
            (
                "/spec/ports/0/port",
                json!(0),
                &[
                    "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                    "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
                ],
            ),
            (
                "/spec/ports/0/targetPort",
                json!("Bad_"),
                &[
                    "spec.ports[0].targetPort: Invalid value: \"Bad_\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                ],
            ),
            (
                "/spec/ports/0/nodePort",
                json!(30000),
                &["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
            ),
            ("/spec/ports", json!([{"port": 80}, {"port": 81, "name": "a"}]), &["spec.ports[0].name: Required value"]),
            (
                "/spec/ports",
                json!([{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]),
                &["spec.ports[1].name: Duplicate value: \"a\""],
            ),
            (
                "/spec/type",
                json!("Cluster"),
                &[
                    "spec.type: Unsupported value: \"Cluster\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
                ],
            ),
            ("/spec/type", json!("ExternalName"), &["spec.externalName: Required value"]),
            (
                "/spec/sessionAffinity",
                json!("X"),
                &["spec.sessionAffinity: Unsupported value: \"X\": supported values: \"ClientIP\", \"None\""],
            ),
            (
                "/spec/externalTrafficPolicy",
                json!("Local"),
                &["spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services"],
            ),
            (
                "/spec/internalTrafficPolicy",
                json!("X"),
                &["spec.internalTrafficPolicy: Unsupported value: \"X\": supported values: \"Cluster\", \"Local\""],
            ),
            (
                "/spec/loadBalancerClass",
                json!("a/b"),
                &["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"],
            ),
            (
                "/spec/externalIPs",
                json!(["x"]),
                &["spec.externalIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"],
            ),
        ],
    );
    let mut allocated = base.clone();
    allocated["spec"]["clusterIP"] = json!("172.20.0.5");
    allocated["spec"]["clusterIPs"] = json!(["172.20.0.5"]);
    check_update(
        "v1 Service",
        &allocated,
        &[
            ("/spec/selector", json!({"a": "b"}), &[]),
            (
                "/spec/clusterIPs",
                json!(["172.20.0.6"]),
                &["spec.clusterIPs[0]: Invalid value: [\"172.20.0.6\"]: may not change once set"],
            ),
            ("/spec/clusterIPs", json!([]), &["spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset"]),
        ],
    );
}

#[test]
fn what_was_allocated_stays() {
    let def = def("v1 Service");
    let old = defaulted(
        &def,
        json!({"spec": {"type": "NodePort", "clusterIP": "172.20.0.5", "clusterIPs": ["172.20.0.5"], "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack", "ports": [{"port": 80, "nodePort": 30080}]}}),
    );
    let mut new = defaulted(&def, json!({"spec": {"type": "NodePort", "ports": [{"port": 80}]}}));
    def.prepare_for_update(&mut new, &old);
    assert_eq!(new["spec"], old["spec"]);

    let mut new = old.clone();
    new["spec"]["type"] = json!("ClusterIP");
    def.prepare_for_update(&mut new, &old);
    assert_eq!(new["spec"]["ports"][0].get("nodePort"), None);
    assert_eq!(new["spec"].get("externalTrafficPolicy"), None);
    assert_eq!(new["spec"]["clusterIP"], "172.20.0.5");

    let mut new = old.clone();
    new["spec"]["type"] = json!("ExternalName");
    def.prepare_for_update(&mut new, &old);
    assert_eq!(new["spec"].get("clusterIP"), None);

    let mut new = old.clone();
    new["spec"]["clusterIP"] = json!("172.20.0.9");
    def.prepare_for_update(&mut new, &old);
    assert_eq!(new["spec"]["clusterIPs"], json!(["172.20.0.9"]));
}

#[test]
fn endpoints() {
    check_create(
        "discovery.k8s.io/v1 EndpointSlice",
        &minimal::body("EndpointSlice"),
        &[
            (
                "/addressType",
                json!("X"),
                &["addressType: Unsupported value: \"X\": supported values: \"FQDN\", \"IPv4\", \"IPv6\""],
            ),
            ("/endpoints/0/addresses", json!([]), &["endpoints[0].addresses: Required value: must contain at least 1 address"]),
            (
                "/endpoints/0/addresses",
                json!(["::1"]),
                &["endpoints[0].addresses[0]: Invalid value: \"::1\": must be an IPv4 address"],
            ),
            ("/ports", json!([{"port": 1}, {"port": 2}]), &["ports[1].name: Duplicate value: \"\""]),
        ],
    );
    check_update(
        "discovery.k8s.io/v1 EndpointSlice",
        &minimal::body("EndpointSlice"),
        &[("/addressType", json!("IPv6"), &["addressType: Invalid value: \"IPv6\": field is immutable"])],
    );
    let base = json!({"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]});
    check_create(
        "v1 Endpoints",
        &base,
        &[
            ("/subsets/0/addresses", json!([]), &["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]),
            ("/subsets/0/ports", json!([{"port": 1}, {"port": 2, "name": "b"}]), &["subsets[0].ports[0].name: Required value"]),
        ],
    );
}
