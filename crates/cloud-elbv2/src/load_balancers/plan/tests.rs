//! A load balancer's life, step by step.

use super::*;

fn balancer(loopback: &str, status: Doc) -> Doc {
    json!({
        "metadata": {"name": "lb"},
        "spec": {
            "loopback": loopback,
            "availabilityZones": [
                {"zoneName": "a", "subnetId": "s1", "networkInterfaceId": "eni-1"},
                {"zoneName": "b", "subnetId": "s2", "networkInterfaceId": "eni-2"},
            ],
        },
        "status": status,
    })
}

fn interface(name: &str, address: Option<&str>) -> Doc {
    let addresses: Vec<Doc> = address.iter().map(|address| json!({"privateIpAddress": address, "primary": true})).collect();
    json!({"metadata": {"name": name}, "status": {"privateIpAddresses": addresses}})
}

fn provisioning(addresses: Doc) -> Step {
    Step::Status(json!({"phase": "provisioning", "message": "", "addresses": addresses}))
}

#[test]
fn it_is_active_when_its_host_says_so_and_every_zone_has_its_address() {
    let (one, two) =
        (json!({"zoneName": "a", "privateIpAddress": "10.0.0.4"}), json!({"zoneName": "b", "privateIpAddress": "10.0.1.4"}));
    let both = [interface("eni-1", Some("10.0.0.4")), interface("eni-2", Some("10.0.1.4"))];
    let active = json!({"phase": "active", "message": "", "addresses": [one, two]});
    let with = |status: &Doc, realised: bool| {
        let mut status = status.clone();
        status["realised"] = realised.into();
        status
    };
    for (status, interfaces, expected) in [
        (json!({}), &both[..1], vec![Step::CreateInterface(1), provisioning(json!([one]))]),
        (json!({}), &both[..], vec![provisioning(json!([one, two]))]),
        (json!({"realised": true}), &both[..1], vec![Step::CreateInterface(1), provisioning(json!([one]))]),
        (json!({"realised": true}), &both[..], vec![Step::Status(active.clone())]),
        (with(&active, true), &both[..], vec![]),
        // A host that starts again has not undone what it carries.
        (with(&active, false), &both[..], vec![]),
    ] {
        let seen = Seen { balancer: balancer("127.96.0.1", status.clone()), interfaces: interfaces.to_vec(), listeners: vec![] };
        assert_eq!(plan(&seen), expected, "{status}");
    }
}

#[test]
fn it_begins_with_an_address_of_the_host_and_interfaces() {
    let seen = Seen { balancer: balancer("", json!({})), ..Seen::default() };
    let expected = [Step::TakeLoopback, Step::CreateInterface(0), Step::CreateInterface(1), provisioning(json!([]))];
    assert_eq!(plan(&seen), expected);
}

#[test]
fn a_subnet_without_addresses_fails_it_until_one_is_free() {
    let mut stuck = interface("eni-2", None);
    stuck["status"]["issue"] = json!({"code": "InsufficientFreeAddressesInSubnet", "message": "no address"});
    let first = interface("eni-1", None);
    let seen = Seen { balancer: balancer("127.96.0.1", json!({})), interfaces: vec![first.clone(), stuck], listeners: vec![] };
    let failed = json!({"phase": "failed", "message": "no address", "addresses": []});
    assert_eq!(plan(&seen), [Step::Status(failed.clone())]);
    let later =
        Seen { balancer: balancer("127.96.0.1", failed), interfaces: vec![first, interface("eni-2", None)], listeners: vec![] };
    assert_eq!(plan(&later), [provisioning(json!([]))]);
}

#[test]
fn a_zone_that_it_leaves_loses_its_interface() {
    let status = json!({"phase": "provisioning", "message": "", "addresses": []});
    let interfaces = ["eni-1", "eni-2", "eni-3"].map(|name| interface(name, None));
    let seen = Seen { balancer: balancer("127.96.0.1", status), interfaces: interfaces.to_vec(), listeners: vec![] };
    assert_eq!(plan(&seen), [Step::DeleteInterface("eni-3".into())]);
}

#[test]
fn it_is_let_go_after_all_that_it_has() {
    let mut deleted = balancer("127.96.0.1", json!({}));
    deleted["metadata"]["deletionTimestamp"] = json!("x");
    let held = |finalizers: Doc| {
        let mut balancer = deleted.clone();
        balancer["metadata"]["finalizers"] = finalizers;
        balancer
    };
    let mut going = interface("eni-2", None);
    going["metadata"]["deletionTimestamp"] = json!("x");
    let one = interface("eni-1", None);
    for (balancer, interfaces, listeners, expected) in [
        (held(json!([AGENT_FINALIZER])), vec![one.clone()], vec!["lb.l"], vec![Step::DeleteListener("lb.l".into())]),
        (held(json!([AGENT_FINALIZER])), vec![one.clone()], vec![], vec![]),
        (held(json!([])), vec![one, going.clone()], vec![], vec![Step::DeleteInterface("eni-1".into())]),
        (held(json!([])), vec![going], vec![], vec![]),
        (held(json!([])), vec![], vec![], vec![Step::Release]),
    ] {
        let seen = Seen { balancer, interfaces, listeners: listeners.into_iter().map(str::to_owned).collect() };
        assert_eq!(plan(&seen), expected);
    }
}
