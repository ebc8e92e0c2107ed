//! Services and the load balancers that they want.

use super::*;
use serde_json::json;

fn seen(annotations: &Doc, spec: Doc) -> Seen {
    let mut named = serde_json::Map::new();
    for (key, value) in annotations.as_object().into_iter().flatten() {
        named.insert(format!("service.beta.kubernetes.io/aws-load-balancer-{key}"), value.clone());
    }
    let node = |name: &str| {
        json!({
            "metadata": {"name": name}, "spec": {"providerID": format!("aws:///us-east-1a/i-{name}")},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        })
    };
    let slice = json!({
        "addressType": "IPv4", "ports": [{"name": "web", "port": 8080}],
        "endpoints": [{"addresses": ["172.31.0.9"], "conditions": {"ready": true}}],
    });
    Seen {
        service: json!({"metadata": {"annotations": named}, "spec": spec}),
        nodes: vec![node("b"), node("a")],
        slices: vec![slice],
        ..Seen::default()
    }
}

fn web() -> Doc {
    json!({"type": "LoadBalancer", "ports": [{"name": "web", "port": 80, "targetPort": 8080, "nodePort": 30080, "protocol": "TCP"}]})
}

/// One line a load balancer and one a listener, or why there is none.
fn shown(seen: &Seen) -> String {
    let wanted = match model(seen) {
        Ok(wanted) => wanted,
        Err(why) => return why,
    };
    let mut text = if wanted.internal { "internal".to_owned() } else { "internet-facing".to_owned() };
    for part in [wanted.name, wanted.subnets.join("+")].into_iter().filter(|part| !part.is_empty()) {
        text += &format!(" {part}");
    }
    for (key, value) in wanted.attributes.iter().chain(&wanted.tags) {
        text += &format!(" {key}={value}");
    }
    for listener in wanted.listeners {
        let group = listener.target_group;
        let targets: Vec<String> = group
            .targets
            .iter()
            .map(|target| match &target.id {
                super::super::cloud::TargetId::Provider(id) => format!("{}:{}", id.trim_start_matches("aws:///"), target.port),
                super::super::cloud::TargetId::Address(address) => format!("{address}:{}", target.port),
            })
            .collect();
        text +=
            &format!("; {} {} -> {} {} [{}]", listener.protocol, listener.port, group.protocol, group.port, targets.join(" "));
        for (key, value) in group.attributes {
            text += &format!(" {key}={value}");
        }
    }
    text
}

#[test]
fn annotations_make_the_load_balancer() {
    let nodes = "; TCP 80 -> TCP 30080 [us-east-1a/i-a:30080 us-east-1a/i-b:30080]";
    for (annotations, expected) in [
        (json!({}), format!("internal{nodes}")),
        (json!({"scheme": "internet-facing", "type": "external"}), format!("internet-facing{nodes}")),
        (json!({"internal": "false"}), format!("internet-facing{nodes}")),
        (json!({"name": "mine", "subnets": "subnet-1, subnet-2"}), format!("internal mine subnet-1+subnet-2{nodes}")),
        (json!({"cross-zone-load-balancing-enabled": "true"}), format!("internal load_balancing.cross_zone.enabled=true{nodes}")),
        (
            json!({"attributes": "deletion_protection.enabled=true", "additional-resource-tags": "team=a"}),
            format!("internal deletion_protection.enabled=true team=a{nodes}"),
        ),
        (
            json!({"target-group-attributes": "preserve_client_ip.enabled=false"}),
            format!("internal{nodes} preserve_client_ip.enabled=false"),
        ),
        (json!({"nlb-target-type": "ip"}), "internal; TCP 80 -> TCP 8080 [172.31.0.9:8080]".into()),
        (json!({"type": "nlb-ip"}), "internal; TCP 80 -> TCP 8080 [172.31.0.9:8080]".into()),
    ] {
        assert_eq!(shown(&seen(&annotations, web())), expected, "{annotations}");
    }
}

#[test]
fn what_is_not_built_is_refused() {
    for (annotations, expected) in [
        (json!({"type": "alb"}), "unsupported load balancer type \"alb\""),
        (json!({"nlb-target-type": "lambda"}), "unsupported target type \"lambda\""),
        (json!({"ip-address-type": "dualstack"}), "unsupported IP address type \"dualstack\""),
        (json!({"scheme": "public"}), "unknown scheme: public"),
        (
            json!({"scheme": "internal", "internal": "false"}),
            "conflicting load balancer schemes: annotations scheme and internal differ",
        ),
        (
            json!({"ssl-cert": "arn:aws:acm:us-east-1:1:certificate/x"}),
            "annotation service.beta.kubernetes.io/aws-load-balancer-ssl-cert is not supported",
        ),
        // Open to all is not what was asked for.
        (
            json!({"security-groups": "sg-1"}),
            "annotation service.beta.kubernetes.io/aws-load-balancer-security-groups is not supported",
        ),
    ] {
        assert_eq!(shown(&seen(&annotations, web())), expected, "{annotations}");
    }
    let mut ranges = web();
    ranges["loadBalancerSourceRanges"] = json!(["10.0.0.0/8"]);
    assert_eq!(shown(&seen(&json!({}), ranges)), "loadBalancerSourceRanges are not supported");
    let mut closed = web();
    closed["ports"][0]["nodePort"] = Doc::Null;
    assert_eq!(shown(&seen(&json!({}), closed)), "unable to support instance target type with an unallocated NodePort");
}

#[test]
fn datagrams_have_listeners_of_their_own() {
    let port = json!({"name": "web", "port": 53, "targetPort": 5353, "nodePort": 30053, "protocol": "UDP"});
    for (annotations, expected) in [
        (json!({}), "internal; UDP 53 -> UDP 30053 [us-east-1a/i-a:30053 us-east-1a/i-b:30053]"),
        (json!({"nlb-target-type": "ip"}), "internal; UDP 53 -> UDP 5353 [172.31.0.9:8080]"),
        (
            json!({"nlb-target-type": "ip", "target-group-attributes": "stickiness.enabled=true"}),
            "internal; UDP 53 -> UDP 5353 [172.31.0.9:8080] stickiness.enabled=true",
        ),
    ] {
        let seen = seen(&annotations, json!({"ports": [port]}));
        assert_eq!(shown(&seen), expected, "{annotations}");
        let check = model(&seen).expect("a load balancer").listeners[0].target_group.health_check.clone();
        assert_eq!((&*check.protocol, &*check.port), ("TCP", "traffic-port"), "datagrams say nothing of health");
    }
    let sctp = json!({"ports": [{"port": 1, "nodePort": 30001, "protocol": "SCTP"}]});
    assert_eq!(shown(&seen(&json!({}), sctp)), "unsupported port protocol SCTP");
}

#[test]
fn two_protocols_at_one_port_share_a_listener() {
    let port = |protocol: &str, node_port: u64| json!({"name": protocol, "port": 53, "targetPort": 53, "nodePort": node_port, "protocol": protocol});
    let both = |node_port: u64| json!({"ports": [port("TCP", 30053), port("UDP", node_port)]});
    let joined = "internal; TCP_UDP 53 -> TCP_UDP 30053 [us-east-1a/i-a:30053 us-east-1a/i-b:30053]";
    assert_eq!(shown(&seen(&json!({}), both(30053))), joined);
    let apart = "ports 53 of both protocols must have one target port to share a listener";
    assert_eq!(shown(&seen(&json!({}), both(30054))), apart);
}
