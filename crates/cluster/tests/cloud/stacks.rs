//! What Services are given, cut short at each of its writes and then finished: nothing is made twice, nothing is left over.

use crate::world::{ACCOUNT, HOST, REGION, REGIONAL, World};
use aws_service::SystemRandom;
use client::{Call, Client, Options, Reply, Transport, Verb, WatchStream};
use cloud_elbv2::{LISTENERS, LOAD_BALANCERS, NAMES, Removal, Stack, StackGroup, StackListener, Stacks, TARGET_GROUPS};
use meta::status::{Reason, Result, Status};
use meta::{Doc, SystemClock};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Lets so many writes through, and no more.
struct Failing {
    inner: Client,
    left: AtomicI64,
}

#[async_trait::async_trait]
impl Transport for Failing {
    async fn call(&self, call: Call) -> Result<Reply> {
        let reads = matches!(call.verb, Verb::Get | Verb::List);
        if !reads && self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(Status::new(Reason::ServiceUnavailable, "cut short"));
        }
        self.inner.call(call).await
    }
    async fn watch(&self, _: Call) -> Result<WatchStream> {
        Err(Status::new(Reason::ServiceUnavailable, "nothing is watched here"))
    }
}

fn stacks(client: Client) -> Stacks {
    Stacks::new(client, HOST, Arc::new(SystemClock), Arc::new(SystemRandom))
}

fn failing(world: &World, writes: i64) -> Stacks {
    stacks(Client::new(Arc::new(Failing { inner: world.records(), left: AtomicI64::new(writes) })))
}

async fn stack(world: &World, key: &str) -> Stack {
    let listed = world.records().list(cloud_ec2::SUBNETS, REGIONAL, Options::default()).await.expect("subnets");
    let group = |name: &str, port: u64| StackGroup {
        name: format!("{name}-{key}"),
        protocol: "TCP".into(),
        port,
        target_type: "ip".into(),
        health_check: json!({}),
        targets: json!([{"id": "172.31.0.9", "port": port}]),
        ..StackGroup::default()
    };
    let listener = |port: u64, at: usize| StackListener { port, protocol: "TCP".into(), target_group: at, ..Default::default() };
    Stack {
        key: key.to_owned(),
        account: ACCOUNT.into(),
        region: REGION.into(),
        name: format!("web-{key}"),
        scheme: "internal".into(),
        subnets: listed.items.iter().map(|subnet| subnet.get("/spec")).take(2).collect(),
        target_groups: vec![group("one", 80), group("two", 443)],
        listeners: vec![listener(80, 0), listener(443, 1)],
        ..Stack::default()
    }
}

/// How many load balancers, listeners, target groups and claims there are.
async fn counted(world: &World) -> [usize; 4] {
    let mut counts = [0; 4];
    for (count, resource) in counts.iter_mut().zip([LOAD_BALANCERS, LISTENERS, TARGET_GROUPS, NAMES]) {
        *count = world.records().list(resource, REGIONAL, Options::default()).await.expect("a list").items.len();
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_short_at_each_write_it_is_still_made_once_and_taken_away_whole() {
    let world = World::start().await;
    let whole = stacks(world.records());
    let mut writes = 0;
    loop {
        let stack = stack(&world, &format!("k{writes}")).await;
        let made = failing(&world, writes).ensure(REGIONAL, &stack).await;
        let (record, _) = whole.ensure(REGIONAL, &stack).await.expect("it is finished");
        assert_eq!(counted(&world).await, [1, 2, 2, 5], "after {writes} writes");
        let (again, change) = whole.ensure(REGIONAL, &stack).await.expect("it is there");
        assert_eq!((&again["spec"]["arn"], change), (&record["spec"]["arn"], cloud_elbv2::StackChange::Nothing));
        take_away(&world, &stack.key, writes, &record).await;
        if made.is_ok() {
            break;
        }
        writes += 1;
    }
    assert!(writes >= 10, "two writes for each of five records, at least: {writes}");
    world.stop().await;
}

async fn take_away(world: &World, key: &str, writes: i64, record: &Doc) {
    let whole = stacks(world.records());
    let name = record["metadata"]["name"].as_str().expect("a name");
    // Whether it gets through does not matter: the next one goes on from where it ended.
    drop(failing(world, writes % 5).remove(REGIONAL, key).await);
    whole.remove(REGIONAL, key).await.expect("it is being taken away");
    world.until_record(LOAD_BALANCERS, name, |record| record.is_none()).await;
    let groups = world.records().list(TARGET_GROUPS, REGIONAL, Options::default()).await.expect("a list");
    drop(failing(world, writes % 5).remove(REGIONAL, key).await);
    let gone = whole.remove(REGIONAL, key).await.expect("it is taken away");
    assert_eq!(gone, Removal::Gone);
    for group in &groups.items {
        world.until_record(TARGET_GROUPS, &group.meta.name, |record| record.is_none()).await;
    }
    assert_eq!(counted(world).await, [0; 4], "after {writes} writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_another_has_is_left_to_it() {
    let world = World::start().await;
    let whole = stacks(world.records());
    let first = stack(&world, "a").await;
    whole.ensure(REGIONAL, &first).await.expect("the first");
    let mut second = stack(&world, "b").await;
    second.name.clone_from(&first.name);
    let refused = whole.ensure(REGIONAL, &second).await.expect_err("the name is taken");
    assert!(refused.to_string().starts_with("DuplicateLoadBalancerName"), "{refused}");
    assert_eq!(counted(&world).await[0], 1);
    world.stop().await;
}
