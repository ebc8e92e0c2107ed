//! `kill -9` of the service, and the same clusters, objects and resourceVersions after the next start.

use super::{service, world::World};
use crate::process::{Failure, Result};
use serde_json::Value;
use std::collections::BTreeMap;

/// Renewed or written by controllers at any moment: different after a restart without anything being lost.
const MOVES_BY_ITSELF: &[&str] = &["Lease", "Event", "ComponentStatus"];
/// How often the same answer is asked for until controllers have nothing more to write.
const MAX_LOOKS: usize = 20;

pub fn kill_and_compare(world: &mut World) -> Result<()> {
    let clusters = world.ok("aws eks describe-cluster --name demo")?.stdout;
    let before = settled(world)?;
    let pid = service::only_pid(world)?;
    world.ok(&format!("kill -9 {pid}"))?;
    world.fails("curl --silent --max-time 5 http://127.0.0.1:$PORT/")?;
    world.ok("pilothouse up --state-dir $STATE --port $PORT --detach")?;
    if service::only_pid(world)? == pid {
        return Err("the service was not restarted".into());
    }
    if world.ok("aws eks describe-cluster --name demo")?.stdout != clusters {
        return Err("describe-cluster answers differently after the crash".into());
    }
    let after = objects(world)?;
    let differences = differences(&before, &after);
    println!("     {} objects compared, resourceVersions included", before.len());
    if differences.is_empty() { Ok(()) } else { Err(Failure(format!("after the crash:\n  {}", differences.join("\n  ")))) }
}

type Objects = BTreeMap<String, Value>;

/// The objects once two looks in a row saw the same.
fn settled(world: &mut World) -> Result<Objects> {
    let mut last = objects(world)?;
    for _ in 0..MAX_LOOKS {
        let next = objects(world)?;
        if next == last {
            return Ok(next);
        }
        last = next;
    }
    Err("objects keep changing though nobody asks for it".into())
}

/// Every object of every listable resource, by kind, namespace and name.
fn objects(world: &mut World) -> Result<Objects> {
    let resources = world.shell("kubectl api-resources --verbs=list -o name").quiet().run()?.succeeded()?;
    let all: Vec<&str> = resources.stdout.split_whitespace().collect();
    let line = format!("kubectl get {} --all-namespaces -o json", all.join(","));
    let listed = world.shell(&line).quiet().run()?.succeeded()?.json()?;
    let items = listed["items"].as_array().cloned().unwrap_or_default(); // an empty cluster fails the check below
    let items = items.into_iter().filter(|item| !MOVES_BY_ITSELF.iter().any(|kind| item["kind"] == *kind));
    let objects: Objects = items.map(|item| (name(&item), without_scheduling(item))).collect();
    if objects.is_empty() { Err("no objects at all were listed".into()) } else { Ok(objects) }
}

/// A scheduler that starts looks at every pod without a node again, and says why it has none in the words of the hour.
fn without_scheduling(mut item: Value) -> Value {
    if item["kind"] == "Pod" && item.pointer("/spec/nodeName").is_none() {
        item["status"] = Value::Null;
        item["metadata"]["resourceVersion"] = Value::Null;
    }
    item
}

fn name(item: &Value) -> String {
    let text = |pointer| item.pointer(pointer).and_then(Value::as_str).unwrap_or("-"); // cluster-scoped: no namespace
    format!("{} {} {}/{}", text("/apiVersion"), text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

fn differences(before: &Objects, after: &Objects) -> Vec<String> {
    let mut found = Vec::new();
    for (name, object) in before {
        match after.get(name) {
            None => found.push(format!("{name}: lost")),
            Some(now) if now != object => found.push(format!("{name}: was {object}, is {now}")),
            Some(_) => {}
        }
    }
    found.extend(after.keys().filter(|name| !before.contains_key(*name)).map(|name| format!("{name}: came from nowhere")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lost_changed_and_new_objects_are_told_apart() {
        let objects = |items: &[(&str, u64)]| -> Objects {
            items.iter().map(|(name, version)| ((*name).to_owned(), json!({ "resourceVersion": version }))).collect()
        };
        let before = objects(&[("a", 1), ("b", 2), ("c", 3)]);
        assert!(differences(&before, &before).is_empty());
        let found = differences(&before, &objects(&[("a", 1), ("b", 9), ("d", 4)])).join("\n");
        for expected in ["b: was", "c: lost", "d: came from nowhere"] {
            assert!(found.contains(expected), "{found}");
        }
    }
}
