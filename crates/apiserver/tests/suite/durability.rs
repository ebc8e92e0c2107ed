//! What was acknowledged survives everything, under the same versions.

use crate::world::{CONFIG_MAPS, NODES, NS, SERVICES, World, next, options};
use client::Resource;
use futures::future::join_all;
use serde_json::json;
use std::collections::BTreeMap;
use storage::backend::{Fault, Loss};

const SECRETS: Resource = Resource::new("", "v1", "secrets");
const LEASES: Resource = Resource::new("coordination.k8s.io", "v1", "leases");
const KINDS: [Resource; 5] = [CONFIG_MAPS, SECRETS, SERVICES, NODES, LEASES];

async fn everything(world: &World) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let admin = world.admin();
    for def in world.catalog.iter().filter(|def| def.allows("list") && def.kind != "ComponentStatus") {
        for object in admin.list(def.gvr.clone(), "", Default::default()).await.expect("a list").items {
            let key = format!("{} {}/{}", def.gvr.group_resource(), object.meta.namespace, object.meta.name);
            all.insert(format!("{} {key}", def.gvr.version), object.to_json());
        }
    }
    all
}

async fn write(world: &World) {
    let writes = (0..100).flat_map(|n| KINDS.map(|kind| (kind, n))).map(|(kind, n)| async move {
        let mut doc = json!({"metadata": {"name": format!("d-{n}")}});
        let namespace = if kind == NODES { "" } else { NS };
        if kind == SERVICES {
            doc["spec"] = json!({"type": "NodePort", "ports": [{"port": 80}]});
        }
        world.make(kind, namespace, doc).await;
    });
    join_all(writes).await;
    for n in 0..10 {
        let admin = world.admin();
        admin.delete(CONFIG_MAPS, NS, &format!("d-{n}"), Default::default()).await.expect("deleted");
        admin.patch(SECRETS, NS, &format!("d-{n}"), "", json!({"stringData": {"a": "b"}})).await.expect("changed");
    }
}

#[tokio::test]
async fn acknowledged_writes_survive() {
    let first = World::start(36).await;
    write(&first).await;
    let (before, revision) = (everything(&first).await, first.server.caches().store().revision());
    assert!(before.len() > 500, "{}", before.len());
    // The power goes while everything runs; the second time only the process dies.
    let cut = first.disk.reboot(Loss::Everything, Fault::None);
    drop(first);
    let second = World::boot(36, cut, |_| {}).await;
    let after = everything(&second).await;
    let keys = before.keys().chain(after.keys());
    let shown = |found: Option<&Vec<u8>>| found.map(|json| String::from_utf8_lossy(json).into_owned());
    for key in keys {
        assert_eq!(shown(after.get(key)), shown(before.get(key)), "{key}");
    }
    assert!(second.server.caches().store().revision() >= revision);
    old_watches_are_told(&second, revision).await;
    let killed = second.disk.reboot(Loss::Nothing, Fault::None);
    drop(second);
    let third = World::boot(36, killed, |_| {}).await;
    let after = everything(&third).await;
    assert_eq!(after.len(), before.len() + 1);
    addresses_stay_taken(&third).await;
}

/// From before the restart: expired. From now on: everything.
async fn old_watches_are_told(world: &World, revision: u64) {
    let admin = world.admin();
    let old = admin.watch(CONFIG_MAPS, NS, options(|o| o.resource_version = (revision - 5).to_string())).await;
    let why = old.err().map(|status| (status.code(), status.message)).unwrap_or_default();
    assert!(why.0 == 410 && why.1.starts_with("too old resource version: "), "{why:?}");
    let now = admin.list(CONFIG_MAPS, NS, Default::default()).await.expect("a list").revision;
    assert!(now >= revision);
    let mut stream = admin.watch(CONFIG_MAPS, NS, options(|o| o.resource_version = now.to_string())).await.expect("a watch");
    world.make(CONFIG_MAPS, NS, json!({"metadata": {"name": "after"}})).await;
    assert_eq!(next(&mut stream, 1).await, ["ADDED after"]);
}

/// Claims are as durable as what they are for.
async fn addresses_stay_taken(world: &World) {
    let admin = world.admin();
    let held = admin.get(SERVICES, NS, "d-7").await.expect("there").to_doc();
    for spec in [
        json!({"clusterIP": held["spec"]["clusterIP"], "ports": [{"port": 80}]}),
        json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": held["spec"]["ports"][0]["nodePort"]}]}),
    ] {
        let refused = admin.create(SERVICES, NS, json!({"metadata": {"name": "thief"}, "spec": spec})).await;
        assert!(refused.expect_err("taken").message.contains("is already allocated"));
    }
}
