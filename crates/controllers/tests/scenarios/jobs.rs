//! Jobs from their creation to their end.

use crate::kubelet::{ended, playing, running};
use crate::world::{PODS, World};
use client::{DeleteOptions, Options, Propagation, Resource};
use meta::Doc;
use serde_json::json;

const JOBS: Resource = Resource::new("batch", "v1", "jobs");
const TRACKING: &str = "batch.kubernetes.io/job-tracking";

async fn job(world: &World, name: &str, spec: Doc) -> Doc {
    let mut spec = spec;
    spec["template"] = json!({ "spec": { "restartPolicy": "Never", "containers": [{ "name": "c", "image": "i" }] } });
    let doc = json!({ "metadata": { "name": name }, "spec": spec });
    world.admin.create(JOBS, "default", doc).await.expect("a job").to_doc()
}

async fn pods(world: &World) -> Vec<Doc> {
    let list = world.admin.list(PODS, "default", Options::default()).await.expect("a list");
    list.items.iter().map(|pod| pod.to_doc()).collect()
}

fn is(job: Option<&Doc>, condition: &str) -> bool {
    let conditions = job.and_then(|job| job["status"]["conditions"].as_array());
    conditions.into_iter().flatten().any(|c| c["type"] == condition && c["status"] == "True")
}

async fn reaches(world: &World, name: &str, condition: &str) -> Doc {
    world.until((JOBS, "default", name), |job| is(job, condition)).await.expect("the job is there")
}

#[tokio::test]
async fn a_job_runs_its_pods_to_completion() {
    let world = World::start().await;
    job(&world, "sums", json!({ "completions": 5, "parallelism": 2 })).await;
    let done = playing(&world, "default", |_| Some(ended(0)), reaches(&world, "sums", "Complete")).await;
    assert_eq!((&done["status"]["succeeded"], &done["status"]["terminating"]), (&json!(5), &json!(0)), "{done}");
    assert!(done["status"]["completionTime"].is_string() && done["status"].get("active").is_none(), "{done}");
    let pods = pods(&world).await;
    assert_eq!(pods.len(), 5);
    assert!(pods.iter().all(|pod| pod["metadata"].get("finalizers").is_none()), "{pods:?}");
    world.stop().await;
}

#[tokio::test]
async fn each_index_has_its_pod() {
    let world = World::start().await;
    job(&world, "shards", json!({ "completions": 3, "parallelism": 3, "completionMode": "Indexed" })).await;
    let done = playing(&world, "default", |_| Some(ended(0)), reaches(&world, "shards", "Complete")).await;
    assert_eq!(done["status"]["completedIndexes"], "0-2");
    let mut hosts: Vec<String> = pods(&world).await.iter().map(|pod| pod["spec"]["hostname"].to_string()).collect();
    hosts.sort();
    assert_eq!(hosts, [r#""shards-0""#, r#""shards-1""#, r#""shards-2""#]);
    world.stop().await;
}

#[tokio::test]
async fn a_job_gives_up_at_its_limit() {
    let world = World::start().await;
    job(&world, "broken", json!({ "parallelism": 2, "completions": 2, "backoffLimit": 0 })).await;
    // One breaks, the other would run for ever.
    let failed = std::sync::atomic::AtomicBool::new(false);
    let play = |_: &Doc| {
        let first = !failed.swap(true, std::sync::atomic::Ordering::Relaxed);
        Some(if first { ended(1) } else { running() })
    };
    let done = playing(&world, "default", play, reaches(&world, "broken", "Failed")).await;
    assert_eq!(done["status"]["failed"], 2, "{done}");
    let reasons: Vec<&Doc> = done["status"]["conditions"].as_array().expect("conditions").iter().map(|c| &c["reason"]).collect();
    assert_eq!(reasons, ["BackoffLimitExceeded", "BackoffLimitExceeded"]);
    assert_eq!(pods(&world).await.len(), 1, "the pod that ran is gone");
    world.stop().await;
}

#[tokio::test]
async fn a_suspended_job_waits() {
    let world = World::start().await;
    job(&world, "later", json!({ "suspend": true })).await;
    let waiting = reaches(&world, "later", "Suspended").await;
    assert!(waiting["status"].get("startTime").is_none(), "{waiting}");
    assert!(pods(&world).await.is_empty());
    world.admin.patch(JOBS, "default", "later", "", json!({ "spec": { "suspend": false } })).await.expect("a patch");
    playing(&world, "default", |_| Some(ended(0)), reaches(&world, "later", "Complete")).await;
    world.stop().await;
}

#[tokio::test]
async fn orphans_are_adopted_and_strangers_released() {
    let world = World::start().await;
    job(&world, "guardian", json!({})).await;
    let active = |doc: Option<&Doc>| doc.is_some_and(|job| job["status"]["active"] == 1);
    world.until((JOBS, "default", "guardian"), active).await;
    let pod = pods(&world).await.remove(0);
    let name = pod["metadata"]["name"].as_str().expect("a name").to_owned();
    let patch = |metadata: Doc| world.admin.patch(PODS, "default", &name, "", json!({ "metadata": metadata }));
    patch(json!({ "ownerReferences": null, "finalizers": null })).await.expect("a patch");
    let owned = |doc: Option<&Doc>| {
        doc.is_some_and(|pod| {
            pod["metadata"]["ownerReferences"][0]["name"] == "guardian" && pod["metadata"]["finalizers"] == json!([TRACKING])
        })
    };
    world.until((PODS, "default", &name), owned).await;
    patch(json!({ "labels": null })).await.expect("a patch");
    let free = |doc: Option<&Doc>| {
        doc.is_some_and(|pod| pod["metadata"].get("ownerReferences").is_none() && pod["metadata"].get("finalizers").is_none())
    };
    world.until((PODS, "default", &name), free).await;
    world.stop().await;
}

#[tokio::test]
async fn what_a_deleted_job_leaves_is_let_go() {
    let world = World::start().await;
    job(&world, "cut", json!({ "parallelism": 2, "completions": 2 })).await;
    let two = |doc: Option<&Doc>| doc.is_some_and(|job| job["status"]["active"] == 2);
    world.until((JOBS, "default", "cut"), two).await;
    let names: Vec<String> =
        pods(&world).await.iter().map(|pod| pod["metadata"]["name"].as_str().expect("a name").to_owned()).collect();
    let background = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
    world.admin.delete(JOBS, "default", "cut", background).await.expect("a deletion");
    for name in names {
        world.gone(PODS, "default", &name).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_finished_job_goes_when_its_time_is_over() {
    let world = World::start().await;
    job(&world, "brief", json!({ "ttlSecondsAfterFinished": 0 })).await;
    playing(&world, "default", |_| Some(ended(0)), world.gone(JOBS, "default", "brief")).await;
    assert!(pods(&world).await.is_empty(), "its pods went first");
    world.stop().await;
}
