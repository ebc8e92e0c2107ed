//! Subresources of pods: binding, eviction, ephemeral containers, resize, graceful deletion.

use crate::world::{NODES, NS, PODS, World, next};
use client::{Body, Call, DeleteOptions, Options, PatchKind, Reply, ReplyBody, Resource, Verb};
use meta::{Doc, Status};
use serde_json::json;

const BUDGETS: Resource = Resource::new("policy", "v1", "poddisruptionbudgets");

pub async fn on(world: &World, pod: &str, verb: Verb, sub: &str, doc: Doc) -> Result<Reply, Status> {
    let mut call = Call::new(verb, PODS.gvr(), NS, pod).subresource(sub);
    call.body = if verb == Verb::Patch { Body::Patch(PatchKind::Strategic, doc) } else { Body::Doc(doc) };
    world.admin().call(call).await
}

async fn bind(world: &World, pod: &str, target: Doc) -> Result<Reply, Status> {
    on(world, pod, Verb::Create, "binding", json!({"metadata": {"name": pod}, "target": target})).await
}

async fn get(world: &World, pod: &str) -> Doc {
    world.admin().get(PODS, NS, pod).await.expect("there").to_doc()
}

fn text<T: std::fmt::Debug>(outcome: Result<T, Status>) -> String {
    outcome.map_or_else(|s| format!("{} {}", s.code(), s.message), |reply| format!("{reply:?}"))
}

/// Each kubelet, and who waits for pods without a node, hears of its own pods only, also of those that come to it and leave it.
#[tokio::test]
async fn watchers_of_a_field_hear_what_enters_and_leaves_it() {
    let world = World::start(36).await;
    world.pod("before", json!({"nodeName": "n1"})).await;
    let watch = async |field_selector: &str, namespace: &str| {
        let options = Options { field_selector: field_selector.into(), ..Options::default() };
        world.admin().watch(PODS, namespace, options).await.expect("a watch")
    };
    let mut here = watch("spec.nodeName=n1", "").await;
    let mut elsewhere = watch("spec.nodeName=n2", NS).await;
    let mut nowhere = watch("spec.nodeName=,status.phase!=Failed", "").await;
    let mut one = watch("metadata.name=b", NS).await;
    world.pod("a", json!({"nodeName": "n2"})).await;
    world.pod("b", json!({})).await;
    bind(&world, "b", json!({"kind": "Node", "name": "n1"})).await.expect("bound");
    world
        .admin()
        .delete(PODS, NS, "b", DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() })
        .await
        .expect("gone");
    world.pod("last", json!({"nodeName": "n1"})).await;
    assert_eq!(next(&mut here, 4).await, ["ADDED before", "ADDED b", "DELETED b", "ADDED last"]);
    assert_eq!(next(&mut elsewhere, 1).await, ["ADDED a"]);
    assert_eq!(next(&mut nowhere, 2).await, ["ADDED b", "DELETED b"]);
    assert_eq!(next(&mut one, 3).await, ["ADDED b", "MODIFIED b", "DELETED b"]);
}

#[tokio::test]
async fn a_pod_is_bound_once() {
    let world = World::start(36).await;
    world.pod("web", json!({})).await;
    let node = json!({"kind": "Node", "name": "n1"});
    for (target, expected) in [
        (json!({"name": ""}), "422 Binding \"web\" is invalid: target.name: Required value"),
        (
            json!({"kind": "Pod", "name": "x"}),
            "422 Binding \"web\" is invalid: target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\"",
        ),
    ] {
        assert_eq!(text(bind(&world, "web", target).await), expected);
    }
    assert_eq!(text(bind(&world, "gone", node.clone()).await), "404 pods \"gone\" not found");
    assert_eq!(bind(&world, "web", node.clone()).await.expect("bound").code, 201);
    let pod = get(&world, "web").await;
    assert_eq!(pod["spec"]["nodeName"], "n1");
    let scheduled = &pod["status"]["conditions"].as_array().expect("conditions")[0];
    assert_eq!((&scheduled["type"], &scheduled["status"]), (&json!("PodScheduled"), &json!("True")));
    let again = "409 Operation cannot be fulfilled on pods/binding \"web\": pod web is already assigned to node \"n1\"";
    assert_eq!(text(bind(&world, "web", node.clone()).await), again);
    world.pod("gated", json!({"schedulingGates": [{"name": "example.com/wait"}]})).await;
    let gated = "409 Operation cannot be fulfilled on pods/binding \"gated\": pod gated has non-empty .spec.schedulingGates";
    assert_eq!(text(bind(&world, "gated", node.clone()).await), gated);
    // The older form: a Binding of its own.
    world.pod("second", json!({})).await;
    let binding = json!({"metadata": {"name": "second"}, "target": node});
    let call = Call::new(Verb::Create, Resource::new("", "v1", "bindings").gvr(), NS, "").body(binding);
    assert_eq!(world.admin().call(call).await.expect("bound").code, 201);
    assert_eq!(get(&world, "second").await["spec"]["nodeName"], "n1");
}

#[tokio::test]
async fn a_dry_binding_binds_nothing() {
    let world = World::start(36).await;
    world.pod("web", json!({})).await;
    let call = Call::new(Verb::Create, PODS.gvr(), NS, "web").subresource("binding");
    let dry = Options { dry_run: true, ..Options::default() };
    world.admin().call(call.body(json!({"target": {"name": "n1"}})).options(dry)).await.expect("rehearsed");
    assert_eq!(get(&world, "web").await["spec"].get("nodeName"), None);
}

async fn evict(world: &World, pod: &str) -> Result<Reply, Status> {
    on(world, pod, Verb::Create, "eviction", json!({"metadata": {"name": pod}})).await
}

fn running_status() -> Doc {
    json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

async fn running(world: &World, pod: &str) {
    world.pod(pod, json!({})).await;
    bind(world, pod, json!({"name": "n1"})).await.expect("bound");
    world.admin().patch(PODS, NS, pod, "status", running_status()).await.expect("running");
}

#[tokio::test]
async fn evictions_spend_their_budget() {
    let world = World::start(36).await;
    let admin = world.admin();
    running(&world, "web").await;
    let spec = json!({"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}});
    world.make(BUDGETS, NS, json!({"metadata": {"name": "budget"}, "spec": spec})).await;
    let refused = evict(&world, "web").await.expect_err("nobody has counted yet");
    assert_eq!(refused.message, "Cannot evict pod as it would violate the pod's disruption budget.");
    assert_eq!((refused.code(), &refused.details["retryAfterSeconds"]), (429, &json!(10)));
    let counted = |allowed: u32| json!({"status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "desiredHealthy": 1, "currentHealthy": 1, "expectedPods": 1}});
    admin.patch(BUDGETS, NS, "budget", "status", counted(0)).await.expect("counted");
    let refused = evict(&world, "web").await.expect_err("nothing to spare");
    let why = "The disruption budget budget needs 1 healthy pods and has 1 currently";
    assert_eq!(refused.details["causes"][0], json!({"reason": "DisruptionBudget", "message": why}));
    admin.patch(BUDGETS, NS, "budget", "status", counted(1)).await.expect("counted");
    assert_eq!(evict(&world, "web").await.expect("one to spare").code, 201);
    let evicted = get(&world, "web").await;
    assert!(evicted["metadata"]["deletionTimestamp"].is_string());
    let target = evicted["status"]["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == "DisruptionTarget");
    assert_eq!(target.map(|c| &c["reason"]), Some(&json!("EvictionByEvictionAPI")), "{evicted}");
    let budget = admin.get(BUDGETS, NS, "budget").await.expect("there").to_doc();
    assert_eq!(budget["status"]["disruptionsAllowed"], 0);
    assert!(budget["status"]["disruptedPods"]["web"].is_string(), "{budget}");
    assert_eq!(text(evict(&world, "gone").await), "404 pods \"gone\" not found");
    // A pod that does not run yet costs nothing.
    world.pod("pending", json!({})).await;
    evict(&world, "pending").await.expect("free");
    assert!(admin.find(PODS, NS, "pending").await.expect("a read").is_none());
}

/// A pod on a node goes when its kubelet says so; a second delete may only hurry it.
#[tokio::test]
async fn pods_are_deleted_gracefully() {
    let world = World::start(36).await;
    let admin = world.admin();
    running(&world, "web").await;
    let with = |seconds: i64| DeleteOptions { grace_period_seconds: Some(seconds), ..DeleteOptions::default() };
    for (options, grace, when) in [
        (DeleteOptions::default(), 30, "2026-11-20T10:00:30Z"),
        (with(60), 30, "2026-11-20T10:00:30Z"),
        (with(5), 5, "2026-11-20T10:00:05Z"),
        (with(-3), 1, "2026-11-20T10:00:01Z"),
    ] {
        let ReplyBody::Object(pod) = admin.delete(PODS, NS, "web", options).await.expect("marked").body else {
            panic!("gone at once")
        };
        let meta = &pod.meta;
        assert_eq!((meta.deletion_grace_period_seconds, meta.deletion_timestamp.as_deref()), (Some(grace), Some(when)));
    }
    admin.delete(PODS, NS, "web", with(0)).await.expect("gone");
    assert!(admin.find(PODS, NS, "web").await.expect("a read").is_none());
}

#[tokio::test]
async fn ephemeral_containers_come_and_stay() {
    let world = World::start(36).await;
    let made = world.pod("web", json!({})).await;
    let debugger = |image: &str| json!({"name": "debug", "image": image});
    let patch =
        |containers: Doc| json!({"spec": {"ephemeralContainers": containers, "containers": [{"name": "web", "image": "evil"}]}});
    let put = |containers: Doc| {
        let mut pod = made.clone();
        pod["spec"]["ephemeralContainers"] = containers;
        pod["metadata"]["resourceVersion"] = Doc::Null;
        pod
    };
    on(&world, "web", Verb::Patch, "ephemeralcontainers", patch(json!([debugger("busybox")]))).await.expect("added");
    let pod = get(&world, "web").await;
    assert_eq!(pod["spec"]["ephemeralContainers"][0]["name"], "debug");
    assert_eq!(pod["spec"]["containers"][0]["image"], "nginx:1.29");
    assert_eq!(pod["metadata"]["generation"], 2);
    for (containers, what) in [(json!([]), "removed"), (json!([debugger("other")]), "changed")] {
        let refused = text(on(&world, "web", Verb::Update, "ephemeralcontainers", put(containers)).await);
        let expected = format!("existing ephemeral containers \"debug\" may not be {what}");
        assert!(refused.starts_with("422") && refused.contains(&expected), "{refused}");
    }
    let ordinary = text(on(&world, "web", Verb::Update, "", put(json!([]))).await);
    assert!(ordinary.starts_with("422"), "{ordinary}");
}

#[tokio::test]
async fn resize_changes_resources_only() {
    let world = World::start(36).await;
    let resources = json!({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}});
    let containers = json!([{"name": "web", "image": "nginx:1.29", "resources": {"requests": {"cpu": "500m"}}}]);
    world.pod("web", json!({ "containers": containers })).await;
    let patch = json!({"spec": {"containers": [{"name": "web", "image": "evil", "resources": resources}], "nodeName": "n1"}});
    on(&world, "web", Verb::Patch, "resize", patch).await.expect("resized");
    let pod = get(&world, "web").await;
    assert_eq!(pod["spec"]["containers"][0]["image"], "nginx:1.29");
    assert_eq!(pod["spec"]["containers"][0]["resources"], resources);
    assert_eq!((pod["spec"].get("nodeName"), &pod["metadata"]["generation"]), (None, &json!(2)));
}

/// What every pod gets on its way in.
#[tokio::test]
async fn admission_completes_a_pod() {
    let world = World::start(36).await;
    let classes = Resource::new("scheduling.k8s.io", "v1", "priorityclasses");
    world.make(classes, "", json!({"metadata": {"name": "high"}, "value": 1000})).await;
    let pod = world.pod("web", json!({"priorityClassName": "high"})).await;
    let spec = &pod["spec"];
    assert_eq!((&spec["priority"], &spec["preemptionPolicy"]), (&json!(1000), &json!("PreemptLowerPriority")));
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(spec["tolerations"].as_array().map(Vec::len), Some(2));
    assert_eq!(spec["containers"][0]["volumeMounts"][0]["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
    assert_eq!((&pod["status"]["phase"], &pod["status"]["qosClass"]), (&json!("Pending"), &json!("BestEffort")));
    let doc = |spec: Doc| {
        let mut doc = json!({"metadata": {"name": "bad"}, "spec": {"containers": [{"name": "a", "image": "b"}]}});
        spec.as_object().into_iter().flatten().for_each(|(field, value)| doc["spec"][field] = value.clone());
        doc
    };
    for (spec, expected) in [
        (json!({"priorityClassName": "none"}), "403 pods \"bad\" is forbidden: no PriorityClass with name none was found"),
        (
            json!({"serviceAccountName": "none"}),
            "403 pods \"bad\" is forbidden: error looking up service account suite/none: serviceaccount \"none\" not found",
        ),
        (
            json!({"priority": 7}),
            "403 pods \"bad\" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name",
        ),
    ] {
        assert_eq!(text(world.admin().create(PODS, NS, doc(spec)).await), expected);
    }
    let node = world.make(NODES, "", json!({"metadata": {"name": "n1"}})).await;
    assert_eq!(node["spec"]["taints"], json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]));
}

/// Streams need a kubelet.
#[tokio::test]
async fn a_pod_without_a_node_has_no_streams() {
    let world = World::start(36).await;
    world.pod("web", json!({})).await;
    for sub in ["log", "exec", "attach", "portforward", "proxy"] {
        let call = Call::new(Verb::Get, PODS.gvr(), NS, "web").subresource(sub);
        assert_eq!(text(world.admin().call(call).await), "400 pod web does not have a host assigned", "{sub}");
        let call = Call::new(Verb::Get, PODS.gvr(), NS, "gone").subresource(sub);
        assert_eq!(text(world.admin().call(call).await), "404 pods \"gone\" not found", "{sub}");
    }
}
