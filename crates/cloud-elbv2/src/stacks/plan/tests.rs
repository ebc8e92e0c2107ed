//! Rounds of a stack, from nothing to nothing left to do, and its changes.

use super::*;
use crate::arns::Place;
use crate::load_balancers::NewLoadBalancer;
use crate::target_groups::NewTargetGroup;
use aws_service::SystemRandom;
use meta::Time;

const PLACE: Place<'_> = Place { account: "1", region: "us-east-1" };

fn stack() -> Stack {
    let group = |name: &str, port: u64| StackGroup {
        name: name.into(),
        protocol: "TCP".into(),
        port,
        target_type: "instance".into(),
        health_check: json!({"intervalSeconds": 10}),
        targets: json!([{"id": "i-1", "port": port}]),
        ..StackGroup::default()
    };
    let listener =
        |port: u64, target_group: usize| StackListener { port, protocol: "TCP".into(), target_group, ..StackListener::default() };
    Stack {
        key: "k".into(),
        name: "web".into(),
        scheme: "internal".into(),
        subnets: vec![json!({"subnetId": "s1", "vpcId": "v", "availabilityZone": "a"})],
        target_groups: vec![group("one", 30080), group("two", 30443)],
        listeners: vec![listener(80, 0), listener(443, 1)],
        ..Stack::default()
    }
}

/// What the steps of a round leave.
fn after(stack: &Stack, mut seen: Seen, steps: &[Step]) -> Seen {
    for step in steps {
        match step {
            Step::CreateGroup(at) => {
                let wanted = &stack.target_groups[*at];
                let new = NewTargetGroup {
                    place: PLACE,
                    name: &wanted.name,
                    protocol: &wanted.protocol,
                    port: wanted.port,
                    vpc_id: "v",
                    target_type: &wanted.target_type,
                    health_check: health_check::completed(wanted.health_check.clone()),
                    attributes: wanted.attributes.clone(),
                    tags: wanted.tags.clone(),
                    targets: wanted.targets.clone(),
                    host: "here",
                    stack: Some(&stack.key),
                };
                seen.groups.push(new.to_doc(&format!("{:016x}", at + 1)));
            }
            Step::CreateBalancer => {
                let new = NewLoadBalancer {
                    place: PLACE,
                    name: &stack.name,
                    scheme: &stack.scheme,
                    subnets: stack.subnets.iter().map(|subnet| (subnet.clone(), None)).collect(),
                    security_groups: json!([]),
                    attributes: stack.attributes.clone(),
                    tags: stack.tags.clone(),
                    stack: Some(&stack.key),
                    now: Time::from_unix(0),
                };
                seen.balancers.push(new.to_doc("00000000000000aa", &SystemRandom));
            }
            Step::CreateListener(at, arn) => {
                let wanted = &stack.listeners[*at];
                let id = format!("{:016x}", wanted.port);
                let record =
                    crate::listeners::record(&seen.balancers[0], &id, &wanted.protocol, wanted.port, arn, wanted.tags.clone());
                seen.listeners.push(record);
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    seen
}

fn complete() -> (Stack, Seen) {
    let stack = stack();
    let first = plan(&stack, &Seen::default());
    assert_eq!(first, [Step::CreateGroup(0), Step::CreateGroup(1), Step::CreateBalancer]);
    let seen = after(&stack, Seen::default(), &first);
    let second = plan(&stack, &seen);
    let arn = |at: usize| text(&seen.groups[at]["spec"]["arn"]).to_owned();
    assert_eq!(second, [Step::CreateListener(0, arn(0)), Step::CreateListener(1, arn(1))]);
    let seen = after(&stack, seen, &second);
    (stack, seen)
}

#[test]
fn two_rounds_make_it_and_a_third_changes_nothing() {
    let (stack, seen) = complete();
    assert_eq!(plan(&stack, &seen), []);
}

#[test]
fn targets_alone_are_a_change_of_targets() {
    let (mut stack, seen) = complete();
    stack.target_groups[0].targets = json!([]);
    let steps = plan(&stack, &seen);
    assert_eq!(steps.iter().map(Step::change).collect::<Vec<_>>(), [Change::Targets]);
    stack.target_groups[0].health_check = json!({"intervalSeconds": 20});
    let steps = plan(&stack, &seen);
    assert_eq!(steps.iter().map(Step::change).collect::<Vec<_>>(), [Change::Configuration]);
}

#[test]
fn changes_reach_what_they_are_about() {
    type Edit = fn(&mut Stack);
    let cases: [(&str, Edit, &[&str]); 5] = [
        (
            "an attribute",
            |stack| drop(stack.attributes.insert("load_balancing.cross_zone.enabled".into(), json!("true"))),
            &["balancer"],
        ),
        ("another subnet", |stack| stack.subnets[0]["subnetId"] = json!("s2"), &["move"]),
        ("another target group", |stack| stack.listeners[1].target_group = 0, &["listener"]),
        ("a port less", |stack| drop(stack.listeners.pop()), &["-listener"]),
        ("another scheme", |stack| stack.scheme = "internet-facing".into(), &["-balancer", "+balancer"]),
    ];
    for (what, edit, expected) in cases {
        let (mut stack, seen) = complete();
        edit(&mut stack);
        let steps = plan(&stack, &seen);
        let shown: Vec<&str> = steps
            .iter()
            .map(|step| match step {
                Step::AmendBalancer(..) => "balancer",
                Step::MoveBalancer(_) => "move",
                Step::AmendListener(..) => "listener",
                Step::DeleteListener(_) => "-listener",
                Step::DeleteBalancer(_) => "-balancer",
                Step::CreateBalancer => "+balancer",
                other => panic!("unexpected {other:?}"),
            })
            .collect();
        assert_eq!(shown, expected, "{what}");
    }
}

#[test]
fn a_group_goes_after_the_listeners_that_forward_to_it() {
    let (mut stack, mut seen) = complete();
    stack.target_groups.pop();
    stack.listeners.pop();
    assert_eq!(plan(&stack, &seen), [Step::DeleteListener(seen.listeners[1].clone())]);
    seen.listeners.pop();
    assert_eq!(plan(&stack, &seen), [Step::DeleteGroup(seen.groups[1].clone())]);
}
