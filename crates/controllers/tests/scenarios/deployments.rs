//! Rollouts as people and kubectl make them.

use crate::workloads::{
    BROKEN, DEPLOYMENTS, Kubelets, PodsSeen, REPLICA_SETS, V1, V2, create, event, is_ready, patch, start, template,
};
use crate::world::{PODS, World};
use client::{Body, Call, DeleteOptions, Options, PatchKind, Propagation, Verb};
use meta::Doc;
use serde_json::json;
use std::collections::BTreeMap;

const REVISION: &str = "deployment.kubernetes.io/revision";

fn strategy(surge: Doc, unavailable: Doc) -> Doc {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
}

/// What `kubectl rollout status` waits for (k8s.io/kubectl `pkg/polymorphichelpers/rollout_status.go`).
fn is_rolled_out(doc: &Doc) -> bool {
    let of = |field: &str| doc["status"][field].as_i64().unwrap_or(0);
    let wanted = doc["spec"]["replicas"].as_i64().unwrap_or(1);
    of("observedGeneration") >= doc["metadata"]["generation"].as_i64().unwrap_or(0)
        && of("updatedReplicas") >= wanted
        && of("replicas") <= of("updatedReplicas")
        && of("availableReplicas") >= of("updatedReplicas")
}

async fn until(world: &World, wanted: impl Fn(&Doc) -> bool) -> Doc {
    world.until((DEPLOYMENTS, "default", "web"), |doc| doc.is_some_and(&wanted)).await.expect("it is there")
}

/// Condition `Progressing` as `status reason`.
fn progressing(doc: &Doc) -> String {
    let conditions = doc["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == "Progressing");
    found.map_or_else(String::new, |c| format!("{} {}", c["status"].as_str().unwrap_or(""), c["reason"].as_str().unwrap_or("")))
}

async fn rolled_out(world: &World) -> Doc {
    until(world, |doc| is_rolled_out(doc) && progressing(doc) == "True NewReplicaSetAvailable").await
}

/// The sets' sizes by revision.
async fn sets(world: &World) -> BTreeMap<String, i64> {
    let list = world.admin.list(REPLICA_SETS, "default", Options::default()).await.expect("a list");
    let each = list.items.iter().map(|set| {
        let doc = set.to_doc();
        let revision = doc["metadata"]["annotations"][REVISION].as_str().unwrap_or_default().to_owned();
        (revision, doc["spec"]["replicas"].as_i64().unwrap_or(-1))
    });
    each.collect()
}

fn sizes(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
    pairs.iter().map(|(revision, size)| ((*revision).to_owned(), *size)).collect()
}

async fn roll_to(world: &World, image: &str) {
    patch(world, DEPLOYMENTS, "web", json!({"spec": {"template": template(image)}})).await;
}

#[tokio::test]
async fn a_deployment_comes_up() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    let deployment = create(&world, DEPLOYMENTS, json!({})).await;
    let doc = rolled_out(&world).await;
    assert_eq!(doc["metadata"]["annotations"][REVISION], "1");
    let list = world.admin.list(REPLICA_SETS, "default", Options::default()).await.expect("a list");
    let set = list.items.first().expect("a set").to_doc();
    let hash = set["metadata"]["labels"]["pod-template-hash"].as_str().expect("a hash").to_owned();
    assert_eq!(set["metadata"]["name"], format!("web-{hash}"));
    assert_eq!(set["spec"]["selector"], json!({"matchLabels": {"app": "web", "pod-template-hash": hash}}));
    assert_eq!(set["metadata"]["ownerReferences"][0]["uid"], deployment.meta.uid);
    let of = |annotation: &str| set["metadata"]["annotations"][format!("deployment.kubernetes.io/{annotation}")].clone();
    assert_eq!((of("desired-replicas"), of("max-replicas")), (json!("3"), json!("4")));
    assert_eq!(event(&world, "web", "ScalingReplicaSet").await, format!("Scaled up replica set web-{hash} from 0 to 3"));
    let message = format!("ReplicaSet \"web-{hash}\" has successfully progressed.");
    let told = doc["status"]["conditions"].as_array().expect("conditions");
    assert!(told.iter().any(|condition| condition["message"] == message), "{told:?}");
    assert!(told.iter().any(|condition| condition["message"] == "Deployment has minimum availability."), "{told:?}");
    world.stop().await;
}

/// Every state on the way has its pods: never fewer ready than may be, never more there than may be.
#[tokio::test]
async fn a_rolling_update_stays_within_its_fences() {
    for (replicas, surge, unavailable, least, most) in [
        (3, json!(1), json!(0), 3, 4),
        (3, json!(0), json!(1), 2, 3),
        (10, json!("25%"), json!("25%"), 8, 13),
        (1, json!("25%"), json!("25%"), 1, 2),
    ] {
        let world = start().await;
        let _kubelets = Kubelets::start(&world).await;
        create(&world, DEPLOYMENTS, json!({"replicas": replicas, "strategy": strategy(surge, unavailable)})).await;
        rolled_out(&world).await;
        let mut pods = PodsSeen::follow(&world).await;
        roll_to(&world, V2).await;
        pods.until(|pods| {
            let active = PodsSeen::active(pods);
            let ready = active.iter().filter(|pod| is_ready(pod)).count();
            assert!(ready >= least && active.len() <= most, "{ready} of {} ready, of at least {least}", active.len());
            let done = active.iter().filter(|pod| pod.get("/spec/containers/0/image") == V2 && is_ready(pod)).count();
            done == replicas && active.len() == replicas
        })
        .await;
        let doc = rolled_out(&world).await;
        assert_eq!(doc["metadata"]["annotations"][REVISION], "2");
        assert_eq!(sets(&world).await, sizes(&[("1", 0), ("2", i64::try_from(replicas).expect("small"))]));
        world.stop().await;
    }
}

/// What `kubectl rollout undo` sends (k8s.io/kubectl `pkg/polymorphichelpers/rollback.go`).
async fn undo_to(world: &World, revision: &str) {
    let list = world.admin.list(REPLICA_SETS, "default", Options::default()).await.expect("a list");
    let of_revision = |set: &&std::sync::Arc<meta::Object>| set.to_doc()["metadata"]["annotations"][REVISION] == revision;
    let mut template = list.items.iter().find(of_revision).expect("the revision").get("/spec/template");
    template["metadata"]["labels"].as_object_mut().expect("labels").remove("pod-template-hash");
    template["metadata"]["creationTimestamp"] = Doc::Null;
    let patch = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
    let mut call = Call::new(Verb::Patch, DEPLOYMENTS.gvr(), "default", "web");
    call.body = Body::Patch(PatchKind::Json, patch);
    world.admin.call(call).await.expect("a patch");
}

#[tokio::test]
async fn going_back_takes_the_old_set_and_keeps_its_history() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    create(&world, DEPLOYMENTS, json!({})).await;
    rolled_out(&world).await;
    let cause = json!({"metadata": {"annotations": {"kubernetes.io/change-cause": "a better image"}}});
    patch(&world, DEPLOYMENTS, "web", cause).await;
    roll_to(&world, V2).await;
    until(&world, |doc| is_rolled_out(doc) && doc["metadata"]["annotations"][REVISION] == "2").await;
    undo_to(&world, "1").await;
    until(&world, |doc| is_rolled_out(doc) && doc["metadata"]["annotations"][REVISION] == "3").await;
    assert_eq!(sets(&world).await, sizes(&[("2", 0), ("3", 3)]));
    let list = world.admin.list(REPLICA_SETS, "default", Options::default()).await.expect("a list");
    let annotations: Vec<Doc> = list.items.iter().map(|set| set.get("/metadata/annotations")).collect();
    let of = |revision: &str| annotations.iter().find(|a| a[REVISION] == revision).expect("a set").clone();
    assert_eq!(of("3")["deployment.kubernetes.io/revision-history"], "1");
    assert_eq!(of("2")["kubernetes.io/change-cause"], "a better image");
    // `kubectl rollout restart`.
    let at = json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
    patch(&world, DEPLOYMENTS, "web", json!({"spec": {"template": {"metadata": {"annotations": at}}}})).await;
    until(&world, |doc| is_rolled_out(doc) && doc["metadata"]["annotations"][REVISION] == "4").await;
    assert_eq!(sets(&world).await, sizes(&[("2", 0), ("3", 0), ("4", 3)]));
    world.stop().await;
}

#[tokio::test]
async fn recreation_waits_for_the_last_old_pod() {
    let world = start().await;
    let kubelets = Kubelets::start(&world).await;
    create(&world, DEPLOYMENTS, json!({"strategy": {"type": "Recreate"}})).await;
    rolled_out(&world).await;
    // From here on nobody takes terminating pods away.
    drop(kubelets);
    let mut pods = PodsSeen::follow(&world).await;
    let old: Vec<String> = pods.until_active(3).await;
    roll_to(&world, V2).await;
    pods.until(|pods| pods.values().all(|pod| pod.meta.is_deleting())).await;
    until(&world, |doc| doc["status"]["terminatingReplicas"] == 3 && doc["status"]["replicas"].is_null()).await;
    assert_eq!(sets(&world).await, sizes(&[("1", 0)]));
    let _kubelets = Kubelets::start(&world).await;
    pods.until(|pods| {
        let (olds, news): (Vec<_>, Vec<_>) = pods.keys().partition(|name| old.contains(name));
        assert!(olds.is_empty() || news.is_empty(), "{olds:?} beside {news:?}");
        news.len() == 3
    })
    .await;
    rolled_out(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_paused_deployment_scales_and_rolls_when_resumed() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    create(&world, DEPLOYMENTS, json!({})).await;
    rolled_out(&world).await;
    patch(&world, DEPLOYMENTS, "web", json!({"spec": {"paused": true}})).await;
    until(&world, |doc| progressing(doc) == "Unknown DeploymentPaused").await;
    roll_to(&world, V2).await;
    patch(&world, DEPLOYMENTS, "web", json!({"spec": {"replicas": 5}})).await;
    until(&world, |doc| doc["status"]["availableReplicas"] == 5).await;
    assert_eq!(sets(&world).await, sizes(&[("1", 5)]));
    patch(&world, DEPLOYMENTS, "web", json!({"spec": {"paused": false}})).await;
    until(&world, |doc| is_rolled_out(doc) && doc["metadata"]["annotations"][REVISION] == "2").await;
    rolled_out(&world).await;
    assert_eq!(sets(&world).await, sizes(&[("1", 0), ("2", 5)]));
    world.stop().await;
}

#[tokio::test]
async fn a_rollout_that_hangs_is_told_scales_in_proportion_and_can_be_undone() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    let spec = json!({"replicas": 10, "progressDeadlineSeconds": 2, "strategy": strategy(json!(3), json!(2))});
    create(&world, DEPLOYMENTS, spec).await;
    rolled_out(&world).await;
    roll_to(&world, BROKEN).await;
    let doc = until(&world, |doc| progressing(doc) == "False ProgressDeadlineExceeded").await;
    assert_eq!(doc["status"]["availableReplicas"], 8);
    assert_eq!(sets(&world).await, sizes(&[("1", 8), ("2", 5)]));
    patch(&world, DEPLOYMENTS, "web", json!({"spec": {"replicas": 20}})).await;
    // 13 pods were allowed, 23 are: 8 and 5 in proportion are 14 and 9.
    until(&world, |doc| doc["status"]["replicas"] == 23).await;
    assert_eq!(sets(&world).await, sizes(&[("1", 14), ("2", 9)]));
    undo_to(&world, "1").await;
    rolled_out(&world).await;
    assert_eq!(sets(&world).await, sizes(&[("2", 0), ("3", 20)]));
    world.stop().await;
}

#[tokio::test]
async fn history_is_as_long_as_said() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    create(&world, DEPLOYMENTS, json!({"revisionHistoryLimit": 1})).await;
    rolled_out(&world).await;
    let mut gone = Vec::new();
    for (image, revision) in [(V2, "2"), ("v3", "3"), ("v4", "4")] {
        if gone.len() < 2 {
            let list = world.admin.list(REPLICA_SETS, "default", Options::default()).await.expect("a list");
            let current = list.items.iter().find(|set| set.get("/spec/replicas") == 3).expect("a set");
            gone.push(current.meta.name.clone());
        }
        roll_to(&world, image).await;
        until(&world, |doc| is_rolled_out(doc) && doc["metadata"]["annotations"][REVISION] == revision).await;
    }
    // The cut follows the status of a rollout that is complete: two old sets go, the third stays.
    for name in gone {
        world.gone(REPLICA_SETS, "default", &name).await;
    }
    assert_eq!(sets(&world).await, sizes(&[("3", 0), ("4", 3)]));
    world.stop().await;
}

#[tokio::test]
async fn what_a_deployment_leaves_the_next_one_takes_over() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    create(&world, DEPLOYMENTS, json!({})).await;
    rolled_out(&world).await;
    let mut pods = PodsSeen::follow(&world).await;
    let before = pods.until_active(3).await;
    let delete = async |propagation: Propagation| {
        let options = DeleteOptions { propagation: Some(propagation), ..DeleteOptions::default() };
        world.admin.delete(DEPLOYMENTS, "default", "web", options).await.expect("a deletion");
        world.gone(DEPLOYMENTS, "default", "web").await;
    };
    delete(Propagation::Orphan).await;
    let again = create(&world, DEPLOYMENTS, json!({})).await;
    rolled_out(&world).await;
    assert_eq!(pods.until_active(3).await, before);
    let list = world.admin.list(REPLICA_SETS, "default", Options::default()).await.expect("a list");
    let owner = list.items.first().and_then(|set| set.meta.controller()).map(|owner| owner.uid.clone());
    assert_eq!((list.items.len(), owner), (1, Some(again.meta.uid.clone())));
    delete(Propagation::Foreground).await;
    pods.until(BTreeMap::is_empty).await;
    assert!(world.admin.list(REPLICA_SETS, "default", Options::default()).await.expect("a list").items.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_set_of_that_name_is_not_taken_for_another() {
    let world = start().await;
    let _kubelets = Kubelets::start(&world).await;
    create(&world, DEPLOYMENTS, json!({})).await;
    rolled_out(&world).await;
    let list = world.admin.list(REPLICA_SETS, "default", Options::default()).await.expect("a list");
    let name = list.items.first().expect("a set").meta.name.clone();
    world.admin.delete(DEPLOYMENTS, "default", "web", DeleteOptions::default()).await.expect("a deletion");
    world.gone(REPLICA_SETS, "default", &name).await;
    // Somebody takes the name that the deployment's set would have.
    let stranger = json!({"metadata": {"labels": {"app": "other"}}, "spec": template(V1)["spec"]});
    let spec = json!({"replicas": 0, "selector": {"matchLabels": {"app": "other"}}, "template": stranger});
    world.admin.create(REPLICA_SETS, "default", json!({"metadata": {"name": name}, "spec": spec})).await.expect("a set");
    create(&world, DEPLOYMENTS, json!({})).await;
    let doc = rolled_out(&world).await;
    assert_eq!(doc["status"]["collisionCount"], 1);
    let pods = world.admin.list(PODS, "default", Options::default()).await.expect("a list").items;
    assert!(pods.iter().filter(|pod| !pod.meta.is_deleting()).all(|pod| !pod.meta.name.starts_with(&name)));
    world.stop().await;
}
