use super::*;
use serde_json::json;

fn group(phase: &str, desired: u64) -> Doc {
    json!({
        "metadata": {"name": "demo--2eweb"}, "spec": {"scalingConfig": {"desiredSize": desired}},
        "status": {"phase": phase, "readyNodes": 0, "issues": []},
    })
}

fn instance(id: &str, zone: &str, status: Doc) -> Doc {
    let mut status = status;
    status["network"] = json!({"privateDnsName": format!("ip-{id}")});
    json!({
        "metadata": {"name": id},
        "spec": {"availabilityZone": zone, "subnetId": format!("s-{zone}"), "launchTime": Time::from_unix(1000).to_string()},
        "status": status,
    })
}

fn node(id: &str, ready: bool) -> Doc {
    let status = if ready { "True" } else { "False" };
    json!({
        "metadata": {"name": format!("ip-{id}")}, "spec": {"providerID": format!("aws:///a/{id}")},
        "status": {"conditions": [{"type": "Ready", "status": status}]},
    })
}

fn running() -> Doc {
    json!({"state": "running"})
}

fn by_name(nodes: Vec<Doc>) -> Nodes {
    nodes.into_iter().map(|node| (name(&node).to_owned(), node)).collect()
}

fn seen(nodegroup: Doc, instances: Vec<Doc>, nodes: Vec<Doc>) -> Seen {
    let subnet = |zone: &str| json!({"subnetId": format!("s-{zone}"), "availabilityZone": zone});
    Seen {
        nodegroup,
        cluster: Some(json!({})),
        subnets: vec![subnet("a"), subnet("b")],
        instances,
        nodes: Some(by_name(nodes)),
        updates: vec![],
        unmade: None,
        profile: true,
        entry: true,
        role_shared: false,
        now: Time::from_unix(1000),
    }
}

fn status(phase: &str, ready: usize, issues: Doc) -> Step {
    Step::Status(json!({"phase": phase, "readyNodes": ready, "issues": issues}))
}

#[test]
fn a_new_group_launches_across_zones() {
    let fresh = Seen { profile: false, entry: false, ..seen(group("", 2), vec![], vec![]) };
    let launch = |zone: &str| Step::Launch { subnet_id: format!("s-{zone}") };
    let expected = [Step::CreateProfile, Step::CreateEntry, launch("a"), launch("b"), status("CREATING", 0, json!([]))];
    assert_eq!(plan(&fresh), expected);
}

#[test]
fn active_by_ready_nodes_only() {
    let both = || vec![instance("i1", "a", running()), instance("i2", "b", running())];
    for (nodes, expected) in [
        (vec![], vec![Step::Wait(900)]),
        (vec![node("i1", true), node("i2", false)], vec![status("CREATING", 1, json!([])), Step::Wait(900)]),
        (vec![node("i1", true), node("i2", true)], vec![status("ACTIVE", 2, json!([]))]),
        // A node under the name of an instance that is another's.
        (
            vec![
                node("i1", true),
                json!({"metadata": {"name": "ip-i2"}, "spec": {"providerID": "aws:///a/i9"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}),
            ],
            vec![status("CREATING", 1, json!([])), Step::Wait(900)],
        ),
    ] {
        assert_eq!(plan(&seen(group("CREATING", 2), both(), nodes.clone())), expected, "{nodes:?}");
    }
    let unseen = Seen { nodes: None, ..seen(group("CREATING", 2), both(), vec![]) };
    assert_eq!(plan(&unseen), [Step::Wait(900)]);
    assert_eq!(plan(&seen(group("CREATING", 0), vec![], vec![])), [status("ACTIVE", 0, json!([]))]);
}

#[test]
fn failures_end_the_creation() {
    let full = json!({"issue": {"code": "InsufficientFreeAddressesInSubnet", "message": "m"}});
    let steps = plan(&seen(group("CREATING", 1), vec![instance("i1", "a", full.clone())], vec![]));
    let Step::Status(failed) = &steps[0] else { panic!("{steps:?}") };
    assert_eq!((&failed["phase"], &failed["issues"][0]["code"]), (&json!("CREATE_FAILED"), &json!("InsufficientFreeAddresses")));
    let mut late = seen(group("CREATING", 1), vec![instance("i1", "a", running())], vec![node("i1", false)]);
    late.now = Time::from_unix(1000 + 900);
    let steps = plan(&late);
    let Step::Status(failed) = &steps[0] else { panic!("{steps:?}") };
    let issue = json!([{"code": "NodeCreationFailure", "message": "Instances failed to join the kubernetes cluster", "resourceIds": ["i1"]}]);
    assert_eq!((&failed["phase"], &failed["issues"]), (&json!("CREATE_FAILED"), &issue));
    assert_eq!(plan(&seen(group("CREATE_FAILED", 1), vec![instance("i1", "a", full.clone())], vec![])), []);
    // Later it is an issue of a group that goes on.
    let steps = plan(&seen(group("ACTIVE", 1), vec![instance("i1", "a", full)], vec![]));
    let Step::Status(degraded) = &steps[0] else { panic!("{steps:?}") };
    assert_eq!(degraded["phase"], "DEGRADED");
}

#[test]
fn an_instance_that_ends_is_replaced_and_its_node_forgotten() {
    let instances = vec![instance("i1", "a", json!({"state": "terminated"})), instance("i2", "b", running())];
    let mut active = group("ACTIVE", 2);
    active["status"]["readyNodes"] = json!(1);
    let steps = plan(&seen(active, instances, vec![node("i1", false), node("i2", true)]));
    let expected = [Step::Launch { subnet_id: "s-a".into() }, Step::DeleteNode("ip-i1".into()), Step::Wait(900)];
    assert_eq!(steps[..2], expected[..2]);
}

#[test]
fn scaling_in_drains_first_and_ends_the_update() {
    let both = || vec![instance("i1", "a", running()), instance("i2", "a", running())];
    let nodes = || vec![node("i1", true), node("i2", true)];
    let mut smaller = seen(group("UPDATING", 1), both(), nodes());
    smaller.updates = vec!["u".into()];
    assert_eq!(plan(&smaller)[0], Step::Retire("i1".into()));
    assert!(!plan(&smaller).iter().any(|step| matches!(step, Step::FinishUpdate { .. })));
    smaller.instances[0]["metadata"]["annotations"] = json!({DRAINING_ANNOTATION: "x"});
    let steps = plan(&smaller);
    assert_eq!(steps[0], Step::Retire("i1".into()), "until it is asked to end");
    smaller.instances[0]["spec"]["terminate"] = json!(true);
    let done = [Step::FinishUpdate { name: "u".into(), errors: vec![] }, status("ACTIVE", 1, json!([]))];
    assert_eq!(plan(&smaller), done);
    let made = json!({"metadata": {"name": "u"}});
    smaller.unmade = Some(made.clone());
    assert_eq!(plan(&smaller)[..2], [Step::CreateUpdate(made), done[0].clone()], "before it is said to be done");
}

#[test]
fn deletion_leaves_nothing() {
    let mut deleting = group("ACTIVE", 2);
    deleting["metadata"]["deletionTimestamp"] = json!(Time::from_unix(1000).to_string());
    let mut leaving = instance("i2", "b", running());
    leaving["spec"]["terminate"] = json!(true);
    let mut seen = seen(deleting, vec![instance("i1", "a", running()), leaving], vec![node("i1", true)]);
    assert_eq!(plan(&seen), [Step::Retire("i1".into())]);
    seen.nodes = None;
    assert_eq!(plan(&seen), [Step::Terminate("i1".into())]);
    // A control plane that has served before is waited for, but not for ever.
    seen.cluster = Some(json!({"status": {"phase": "ACTIVE"}}));
    assert_eq!(plan(&seen), [Step::Wait(900)]);
    seen.now = Time::from_unix(1900);
    assert_eq!(plan(&seen), [Step::Terminate("i1".into())]);
    seen.instances = vec![instance("i1", "a", json!({"state": "terminated"}))];
    seen.nodes = Some(by_name(vec![node("i1", false)]));
    let end = [Step::DeleteNode("ip-i1".into()), Step::DeleteEntry, Step::DeleteProfile, Step::Release];
    assert_eq!(plan(&seen), end);
    seen.role_shared = true;
    assert!(!plan(&seen).contains(&Step::DeleteEntry));
    seen.nodegroup["metadata"]["deletionTimestamp"] = Doc::Null;
    seen.cluster = None;
    assert_eq!(plan(&seen), [Step::Delete]);
}
