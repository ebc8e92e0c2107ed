//! Jobs by the clock.

use crate::kubelet::{ended, playing};
use crate::world::World;
use client::{DeleteOptions, Options, Resource};
use meta::Doc;
use serde_json::json;

const CRON_JOBS: Resource = Resource::new("batch", "v1", "cronjobs");
const JOBS: Resource = Resource::new("batch", "v1", "jobs");

async fn cron_job(world: &World, spec: Doc) {
    let mut spec = spec;
    let pod = json!({ "restartPolicy": "Never", "containers": [{ "name": "c", "image": "i" }] });
    spec["jobTemplate"] = json!({ "metadata": { "labels": { "of": "tick" } }, "spec": { "template": { "spec": pod } } });
    let doc = json!({ "metadata": { "name": "tick" }, "spec": spec });
    world.admin.create(CRON_JOBS, "default", doc).await.expect("a cron job");
}

#[tokio::test]
async fn jobs_start_and_their_ends_are_seen() {
    let world = World::start().await;
    cron_job(&world, json!({ "schedule": "@every 1s" })).await;
    let succeeded = |doc: Option<&Doc>| doc.is_some_and(|cron| cron["status"]["lastSuccessfulTime"].is_string());
    playing(&world, "default", |_| Some(ended(0)), world.until((CRON_JOBS, "default", "tick"), succeeded)).await;
    let jobs = world.admin.list(JOBS, "default", Options::default()).await.expect("a list").items;
    let job = jobs.first().expect("a job").to_doc();
    assert_eq!(
        (&job["metadata"]["labels"]["of"], &job["metadata"]["ownerReferences"][0]["kind"]),
        (&json!("tick"), &json!("CronJob"))
    );
    assert!(job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"].is_string(), "{job}");
    world.admin.delete(CRON_JOBS, "default", "tick", DeleteOptions::default()).await.expect("a deletion");
    for job in jobs {
        world.gone(JOBS, "default", &job.meta.name).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_suspended_cron_job_starts_nothing() {
    let world = World::start().await;
    cron_job(&world, json!({ "schedule": "@every 1s", "suspend": true, "concurrencyPolicy": "Forbid" })).await;
    assert!(world.admin.list(JOBS, "default", Options::default()).await.expect("a list").items.is_empty());
    world.admin.patch(CRON_JOBS, "default", "tick", "", json!({ "spec": { "suspend": false } })).await.expect("a patch");
    // Nobody runs its pods: it stays active.
    let active = |doc: Option<&Doc>| doc.is_some_and(|cron| cron["status"]["active"][0]["kind"] == "Job");
    world.until((CRON_JOBS, "default", "tick"), active).await;
    world.stop().await;
}
