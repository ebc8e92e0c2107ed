//! Services of type LoadBalancer, over a cloud that does as it is told.

use crate::world::World;
use client::{DeleteOptions, Options, Resource};
use controllers::{Change, Ensured, Hear, LoadBalancer, LoadBalancers, Removed, ServiceKey, State};
use meta::Doc;
use serde_json::json;
use std::sync::{Arc, Mutex, OnceLock};

const SERVICES: Resource = Resource::new("", "v1", "services");
const EVENTS: Resource = Resource::new("", "v1", "events");
const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";

/// Answers what it is set to, and remembers what it was asked for last.
struct Cloud {
    answer: Mutex<Result<State, String>>,
    removed: Mutex<Removed>,
    wanted: Mutex<Option<LoadBalancer>>,
    hear: OnceLock<Hear>,
}

impl Cloud {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(Ok(State::Provisioning)),
            removed: Mutex::new(Removed::Begun),
            wanted: Mutex::default(),
            hear: OnceLock::new(),
        })
    }

    /// From now on, and said at once.
    fn answers(&self, answer: Result<State, &str>) {
        *self.answer.lock().expect("not poisoned") = answer.map_err(str::to_owned);
        self.hint();
    }

    fn removes(&self, removed: Removed) {
        *self.removed.lock().expect("not poisoned") = removed;
        self.hint();
    }

    fn hint(&self) {
        if let Some(hear) = self.hear.get() {
            hear("default", "web");
        }
    }
}

#[async_trait::async_trait]
impl LoadBalancers for Cloud {
    async fn ensure(&self, wanted: &LoadBalancer) -> Result<Ensured, String> {
        *self.wanted.lock().expect("not poisoned") = Some(wanted.clone());
        let state = self.answer.lock().expect("not poisoned").clone()?;
        Ok(Ensured { state, change: Change::Nothing })
    }
    async fn remove(&self, _: &ServiceKey) -> Result<Removed, String> {
        Ok(*self.removed.lock().expect("not poisoned"))
    }
    fn subscribe(&self, hear: Hear) {
        drop(self.hear.set(hear)); // there is one
    }
}

async fn world(cloud: &Arc<Cloud>) -> World {
    let mut world = World::without_controllers().await;
    world.load_balancers = Some(cloud.clone());
    world.start_controllers();
    world
}

async fn serve(world: &World) {
    let spec = json!({"type": "LoadBalancer", "ports": [{"port": 80}]});
    world.admin.create(SERVICES, "default", json!({"metadata": {"name": "web"}, "spec": spec})).await.expect("a service");
}

async fn until(world: &World, wanted: impl Fn(&Doc) -> bool) -> Doc {
    world.until((SERVICES, "default", "web"), |doc| doc.is_some_and(&wanted)).await.expect("it is there")
}

fn hostname(service: &Doc) -> &Doc {
    service.pointer("/status/loadBalancer/ingress/0/hostname").unwrap_or(&Doc::Null)
}

fn is_held(service: &Doc) -> bool {
    service["metadata"]["finalizers"].as_array().is_some_and(|all| all.contains(&json!(FINALIZER)))
}

/// `reason: message` of the events about it.
async fn told(world: &World) -> Vec<String> {
    let listed = world.admin.list(EVENTS, "default", Options::default()).await.expect("events");
    let about = listed.items.iter().map(|event| event.to_doc()).filter(|event| event["involvedObject"]["name"] == "web");
    about.map(|event| format!("{}: {}", event["reason"], event["message"]).replace('"', "")).collect()
}

async fn until_told(world: &World, line: &str) {
    let asking = async {
        while !told(world).await.iter().any(|told| told == line) {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(crate::world::PATIENCE, asking).await.is_ok(), "{line}: {:?}", told(world).await);
}

#[tokio::test]
async fn a_hostname_is_shown_when_traffic_gets_through_and_kept_until_all_is_gone() {
    let cloud = Cloud::new();
    let world = world(&cloud).await;
    serve(&world).await;
    let held = until(&world, is_held).await;
    assert_eq!(hostname(&held), &Doc::Null, "it is being provisioned");
    until_told(&world, "EnsuringLoadBalancer: Ensuring load balancer").await;
    until_told(&world, "UnAvailableLoadBalancer: There are no available nodes for LoadBalancer").await;
    cloud.answers(Ok(State::Active { hostname: "web.elb".into() }));
    until(&world, |service| hostname(service) == "web.elb").await;
    until_told(&world, "EnsuredLoadBalancer: Ensured load balancer").await;
    let wanted = cloud.wanted.lock().expect("not poisoned").clone().expect("it was asked");
    assert_eq!((wanted.internal, wanted.listeners.len(), wanted.listeners[0].port), (true, 1, 80));

    world.admin.delete(SERVICES, "default", "web", DeleteOptions::default()).await.expect("a deletion");
    until_told(&world, "DeletingLoadBalancer: Deleting load balancer").await;
    cloud.removes(Removed::Going);
    assert!(is_held(&world.there(SERVICES, "default", "web").await), "something of it is left");
    cloud.removes(Removed::Gone);
    world.gone(SERVICES, "default", "web").await;
    until_told(&world, "DeletedLoadBalancer: Deleted load balancer").await;
    world.stop().await;
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_tried_again() {
    let cloud = Cloud::new();
    let world = world(&cloud).await;
    cloud.answers(Err("no subnets"));
    serve(&world).await;
    until_told(&world, "SyncLoadBalancerFailed: Error syncing load balancer: failed to ensure load balancer: no subnets").await;
    cloud.answers(Ok(State::Failed("no address".into())));
    until_told(&world, "SyncLoadBalancerFailed: Error syncing load balancer: failed to ensure load balancer: no address").await;
    cloud.answers(Ok(State::Active { hostname: "web.elb".into() }));
    until(&world, |service| hostname(service) == "web.elb").await;
    world.stop().await;
}

#[tokio::test]
async fn a_service_of_another_type_loses_it_and_stays() {
    let cloud = Cloud::new();
    let world = world(&cloud).await;
    cloud.answers(Ok(State::Active { hostname: "web.elb".into() }));
    serve(&world).await;
    until(&world, |service| hostname(service) == "web.elb").await;
    cloud.removes(Removed::Gone);
    world.admin.patch(SERVICES, "default", "web", "", json!({"spec": {"type": "ClusterIP"}})).await.expect("a change");
    let left = until(&world, |service| !is_held(service)).await;
    assert_eq!(hostname(&left), &Doc::Null);
    world.stop().await;
}
