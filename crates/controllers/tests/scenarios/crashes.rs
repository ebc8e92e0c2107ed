//! Controllers that die at any of their writes and come back: what they promise holds all the same.

use crate::kubelet::{ended, playing, running};
use crate::world::{PODS, World};
use client::{Call, Client, Options, Reply, Resource, Transport, Verb, WatchStream};
use meta::{Doc, Reason, Status};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::watch;

const JOBS: Resource = Resource::new("batch", "v1", "jobs");
const DAEMON_SETS: Resource = Resource::new("apps", "v1", "daemonsets");
const STATEFUL_SETS: Resource = Resource::new("apps", "v1", "statefulsets");
const REVISIONS: Resource = Resource::new("apps", "v1", "controllerrevisions");
const NODES: Resource = Resource::new("", "v1", "nodes");

/// Burns at a write of one controller: that one is done, but its answer and everything after it are lost.
struct Fuse {
    left: AtomicI64,
    burnt: watch::Sender<bool>,
}

struct Fused {
    client: Client,
    fuse: Arc<Fuse>,
}

fn lost() -> Status {
    Status::new(Reason::ServiceUnavailable, "the controllers are dead")
}

#[async_trait::async_trait]
impl Transport for Fused {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        let is_event = call.target.resource.resource == "events";
        if is_event || matches!(call.verb, Verb::Get | Verb::List) {
            return self.client.call(call).await;
        }
        match self.fuse.left.fetch_sub(1, Ordering::SeqCst) {
            0 => {
                // Whatever comes of it, nobody hears.
                drop(self.client.call(call).await);
                self.fuse.burnt.send_replace(true);
                Err(lost())
            }
            left if left < 0 => Err(lost()),
            _ => self.client.call(call).await,
        }
    }

    async fn watch(&self, call: Call) -> Result<WatchStream, Status> {
        self.client.watch(call.target.resource, &call.target.namespace, call.options).await
    }

    async fn changes(&self) -> Result<client::ChangeStream, Status> {
        self.client.changes().await
    }
}

/// Who may die, what there is in the beginning, how pods behave, what must come of it, and what must be true of that.
struct Story {
    controller: &'static str,
    objects: Vec<(Resource, &'static str, Doc)>,
    play: fn(&Doc) -> Option<Doc>,
    until: (Resource, &'static str, fn(&Doc) -> bool),
    check: fn(&[Doc], &[Doc]),
}

/// Tells the story once for every write at which the controllers may die, and returns how many there were.
async fn tell(story: Story) -> i64 {
    for writes in 0.. {
        let mut world = World::without_controllers().await;
        for (resource, namespace, doc) in &story.objects {
            world.admin.create(*resource, namespace, doc.clone()).await.expect("an object");
        }
        let fuse = Arc::new(Fuse { left: writes.into(), burnt: watch::channel(false).0 });
        let (server, shared) = (world.server.clone(), fuse.clone());
        let account = format!("system:serviceaccount:kube-system:{}", story.controller);
        world.start_controllers_with(Arc::new(move |user| {
            let mortal = user.name == account;
            let client = server.client(user);
            if mortal { Client::new(Arc::new(Fused { client, fuse: shared.clone() })) } else { client }
        }));
        let mut burnt = fuse.burnt.subscribe();
        let first = async {
            tokio::select! {
                _ = burnt.wait_for(|burnt| *burnt) => false,
                () = done(&world, &story) => true,
            }
        };
        let survived = playing(&world, "default", story.play, first).await;
        if !survived {
            world.stop_controllers().await;
            world.start_controllers();
            playing(&world, "default", story.play, done(&world, &story)).await;
        }
        let list = async |resource| {
            let items = world.admin.list(resource, "default", Options::default()).await.expect("a list").items;
            items.iter().map(|object| object.to_doc()).collect::<Vec<Doc>>()
        };
        (story.check)(&list(PODS).await, &list(REVISIONS).await);
        world.stop().await;
        if survived {
            return writes.into();
        }
    }
    unreachable!("stories end")
}

async fn done(world: &World, story: &Story) {
    let (resource, name, wanted) = story.until;
    world.until((resource, "default", name), |doc| doc.is_some_and(wanted)).await;
}

fn template(restart: &str) -> Doc {
    json!({ "metadata": { "labels": { "app": "a" } }, "spec": { "restartPolicy": restart, "containers": [{ "name": "c", "image": "i" }] } })
}

fn set_spec(more: Doc) -> Doc {
    let mut spec = json!({ "selector": { "matchLabels": { "app": "a" } }, "template": template("Always") });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    spec
}

#[tokio::test]
async fn no_end_of_a_pod_is_lost_or_counted_twice() {
    for mode in ["NonIndexed", "Indexed"] {
        let spec = json!({ "completions": 3, "parallelism": 2, "completionMode": mode, "template": template("Never") });
        let writes = tell(Story {
            controller: "job-controller",
            objects: vec![(JOBS, "default", json!({ "metadata": { "name": "sums" }, "spec": spec }))],
            play: |_| Some(ended(0)),
            until: (JOBS, "sums", |job| {
                let ended = job["status"]["completionTime"].is_string();
                assert!(!ended || (job["status"]["succeeded"] == 3 && job["status"].get("failed").is_none()), "{job}");
                ended
            }),
            check: |pods, _| {
                assert_eq!(pods.len(), 3, "{pods:?}");
                assert!(pods.iter().all(|pod| pod["metadata"].get("finalizers").is_none()), "{pods:?}");
            },
        })
        .await;
        assert!(writes > 8, "{writes}");
    }
}

#[tokio::test]
async fn no_node_is_given_two_daemons() {
    let node = |name: &str| (NODES, "", json!({ "metadata": { "name": name } }));
    let mut spec = set_spec(json!({}));
    // New nodes are tainted until somebody finds them ready.
    spec["template"]["spec"]["tolerations"] = json!([{ "operator": "Exists" }]);
    let daemon = json!({ "metadata": { "name": "d" }, "spec": spec });
    tell(Story {
        controller: "daemon-set-controller",
        objects: vec![node("a"), node("b"), (DAEMON_SETS, "default", daemon)],
        play: |_| Some(running()),
        until: (DAEMON_SETS, "d", |set| set["status"]["numberAvailable"] == 2 && set["status"]["observedGeneration"] == 1),
        check: |pods, revisions| {
            let required = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0";
            let nodes: BTreeSet<&str> = pods.iter().filter_map(|pod| pod.pointer(required)?.as_str()).collect();
            assert_eq!((pods.len(), nodes.len(), revisions.len()), (2, 2, 1));
        },
    })
    .await;
}

#[tokio::test]
async fn a_stateful_set_has_each_pod_and_one_revision() {
    let spec = set_spec(json!({ "replicas": 2, "serviceName": "s" }));
    tell(Story {
        controller: "statefulset-controller",
        objects: vec![(STATEFUL_SETS, "default", json!({ "metadata": { "name": "db" }, "spec": spec }))],
        play: |_| Some(running()),
        until: (STATEFUL_SETS, "db", |set| set["status"]["readyReplicas"] == 2 && set["status"]["currentReplicas"] == 2),
        check: |pods, revisions| {
            let names: BTreeSet<&str> = pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str()).collect();
            assert_eq!((names, revisions.len()), (["db-0", "db-1"].into(), 1));
        },
    })
    .await;
}
