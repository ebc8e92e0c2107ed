//! `/stats/summary` (k8s.io/kubelet `pkg/apis/stats/v1alpha1`): what the pods use, and the node as their sum.

use super::KubeletServer;
use super::reply::{Failure, json as reply};
use http::Response;
use meta::{Doc, Time};
use runtime::cri::{ContainerState, ContainerStats, ContainerStatus, SandboxStatus};
use serde_json::json;
use serve::Body;

impl KubeletServer {
    pub(super) async fn summary(&self) -> Result<Response<Body>, Failure> {
        let runtime = &self.parts.runtime;
        let sandboxes = runtime.list_sandboxes().await.map_err(Failure::internal)?;
        let mut used = Vec::new();
        for container in runtime.list_containers().await.map_err(Failure::internal)? {
            if container.state == ContainerState::Running
                // One that has just ended uses nothing.
                && let Ok(stats) = runtime.container_stats(&container.config.id).await
            {
                used.push((container, stats));
            }
        }
        Ok(reply(&summary(&self.parts.node_name, self.parts.clock.now(), &sandboxes, &used)))
    }
}

fn summary(node: &str, now: Time, sandboxes: &[SandboxStatus], used: &[(ContainerStatus, ContainerStats)]) -> Doc {
    let pods = sandboxes.iter().filter_map(|sandbox| {
        let own: Vec<_> = used.iter().filter(|(container, _)| container.sandbox_id == sandbox.config.id).collect();
        if own.is_empty() {
            return None;
        }
        let containers = own.iter().map(|(container, stats)| {
            json!({
                "name": container.config.name, "startTime": time(container.started_at_ns), "cpu": cpu(now, [stats]),
                "memory": memory(now, [stats]),
                "rootfs": { "time": now.to_string(), "usedBytes": stats.writable_layer_bytes, "inodesUsed": stats.writable_layer_inodes },
            })
        });
        let all = || own.iter().map(|(_, stats)| stats);
        Some(json!({
            "podRef": { "name": sandbox.config.name, "namespace": sandbox.config.namespace, "uid": sandbox.config.pod_uid },
            "startTime": time(sandbox.created_at_ns), "containers": containers.collect::<Vec<_>>(),
            "cpu": cpu(now, all()), "memory": memory(now, all()),
            "process_stats": { "process_count": all().map(|stats| stats.pids).sum::<u64>() },
        }))
    });
    let all = || used.iter().map(|(_, stats)| stats);
    json!({
        "node": { "nodeName": node, "cpu": cpu(now, all()), "memory": memory(now, all()) },
        "pods": pods.collect::<Vec<_>>(),
    })
}

fn time(ns: i64) -> String {
    Time::from_unix(ns / 1_000_000_000).to_string()
}

fn cpu<'a>(now: Time, stats: impl IntoIterator<Item = &'a ContainerStats>) -> Doc {
    json!({ "time": now.to_string(), "usageCoreNanoSeconds": stats.into_iter().map(|s| s.cpu_usage_ns).sum::<u64>() })
}

fn memory<'a>(now: Time, stats: impl IntoIterator<Item = &'a ContainerStats>) -> Doc {
    let (mut usage, mut working, mut rss) = (0, 0, 0);
    for stats in stats {
        usage += stats.memory_usage_bytes;
        working += stats.memory_working_set_bytes;
        rss += stats.memory_rss_bytes;
    }
    json!({ "time": now.to_string(), "usageBytes": usage, "workingSetBytes": working, "rssBytes": rss })
}
