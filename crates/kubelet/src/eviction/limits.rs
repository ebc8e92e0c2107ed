//! Pods that break their own limits of local storage (kubernetes pkg/kubelet/eviction, localStorageEviction).

use super::message;
use super::rank::Usage;
use crate::pod::{PodView, quantity};

/// What the pod has too much of, as its event says it.
pub fn exceeded(pod: &PodView, usage: &Usage) -> Option<String> {
    empty_dirs(pod, usage).or_else(|| whole(pod, usage)).or_else(|| containers(pod, usage))
}

fn empty_dirs(pod: &PodView, usage: &Usage) -> Option<String> {
    pod.volumes().iter().find_map(|volume| {
        let limit = quantity(&volume["emptyDir"]["sizeLimit"]).filter(|limit| !limit.is_zero() && !limit.is_negative())?;
        let name = volume["name"].as_str()?;
        (*usage.volumes.get(name)? > limit.value()).then(|| message::empty_dir(name, limit))
    })
}

fn whole(pod: &PodView, usage: &Usage) -> Option<String> {
    // Any container's limit makes one of the pod, as upstream sums them.
    let limit: i64 = pod.containers().map(|container| container.limits().ephemeral_bytes).sum();
    (limit > 0 && usage.disk > limit).then(|| message::pod_storage(limit))
}

fn containers(pod: &PodView, usage: &Usage) -> Option<String> {
    pod.containers().find_map(|container| {
        let limit = quantity(&container.resources()["limits"]["ephemeral-storage"]).filter(|limit| !limit.is_zero())?;
        let used = usage.containers.iter().find(|used| used.name == container.name())?;
        (used.disk > limit.value()).then(|| message::container_storage(container.name(), limit))
    })
}

#[cfg(test)]
mod tests {
    use super::super::rank::ContainerUse;
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_of_storage_hold() {
        let pod = PodView::new(json!({"spec": {
            "volumes": [{"name": "cache", "emptyDir": {"sizeLimit": "10Mi"}}, {"name": "free", "emptyDir": {}}],
            "containers": [{"name": "a", "resources": {"limits": {"ephemeral-storage": "20Mi"}}},
                           {"name": "b", "resources": {"limits": {"ephemeral-storage": "30Mi"}}}]}}));
        for (cache, free, a, b, expected) in [
            (10, 15, 10, 10, None),
            (11, 0, 0, 0, Some("Usage of EmptyDir volume \"cache\" exceeds the limit \"10Mi\". ")),
            (0, 30, 11, 10, Some("Pod ephemeral local storage usage exceeds the total limit of containers 50Mi. ")),
            (0, 0, 21, 0, Some("Container a exceeded its local ephemeral storage limit \"20Mi\". ")),
        ] {
            let used = |name: &str, disk: i64| ContainerUse { name: name.into(), memory: 0, disk: disk << 20 };
            let usage = Usage {
                disk: (cache + free + a + b) << 20,
                containers: vec![used("a", a), used("b", b)],
                volumes: [("cache".to_owned(), cache << 20), ("free".to_owned(), free << 20)].into(),
                ..Usage::default()
            };
            assert_eq!(exceeded(&pod, &usage).as_deref(), expected);
        }
    }
}
