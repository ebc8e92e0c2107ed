//! A pod's phase from its containers (kubernetes pkg/kubelet/kubelet_pods.go, getPhase).

use crate::pod::{PodView, RestartPolicy};
use meta::Doc;

#[derive(Default)]
struct Count {
    unknown: u32,
    waiting: u32,
    running: u32,
    stopped: u32,
    succeeded: u32,
}

/// `status` holds the container statuses. `ended`: everything was stopped and nothing will be started again.
pub fn phase(pod: &PodView, status: &Doc, ended: bool) -> &'static str {
    if pod.is_terminal() {
        return if pod.phase() == "Failed" { "Failed" } else { "Succeeded" };
    }
    let never = pod.restart_policy() == RestartPolicy::Never;
    let mut pending = false;
    for container in pod.init_containers() {
        let known = super::containers::find(status, container.name());
        if container.is_sidecar() {
            pending |= known["started"] != true && !has_started(pod, status);
            continue;
        }
        let exit = [&known["state"], &known["lastState"]].iter().find_map(|state| state["terminated"]["exitCode"].as_i64());
        match exit {
            Some(0) => {}
            Some(_) if never || ended => return "Failed",
            _ => pending = true,
        }
    }
    let count = count(pod, status);
    if !ended && (pending || count.waiting > 0) {
        return "Pending";
    }
    match count {
        Count { running: 1.., unknown: 0, .. } if !ended => "Running",
        Count { stopped: 1.., unknown: 0, .. } if ended || !(pod.restart_policy() == RestartPolicy::Always) => {
            if count.stopped == count.succeeded && count.waiting == 0 {
                "Succeeded"
            } else if never || ended {
                "Failed"
            } else {
                "Running"
            }
        }
        Count { stopped: 1.., unknown: 0, .. } => "Running",
        _ if ended => "Failed",
        _ => "Pending",
    }
}

fn count(pod: &PodView, status: &Doc) -> Count {
    let mut count = Count::default();
    for container in pod.containers() {
        let known = super::containers::find(status, container.name());
        let (state, last) = (&known["state"], &known["lastState"]);
        if state["running"].is_object() {
            count.running += 1;
        } else if let Some(exit) = state["terminated"]["exitCode"].as_i64() {
            count.stopped += 1;
            count.succeeded += u32::from(exit == 0);
        } else if state["waiting"].is_object() {
            match last["terminated"].is_object() {
                true => count.stopped += 1,
                false => count.waiting += 1,
            }
        } else {
            count.unknown += 1;
        }
    }
    count
}

/// Some container ran once: what its pod needs to start was there.
pub fn has_started(pod: &PodView, status: &Doc) -> bool {
    pod.containers().any(|container| {
        let known = super::containers::find(status, container.name());
        known["started"] == true || known["state"]["terminated"].is_object() || known["lastState"]["terminated"].is_object()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn phases() {
        let running = || json!({"running": {}});
        let exited = |code: i64| json!({"terminated": {"exitCode": code}});
        let waiting = || json!({"waiting": {}});
        for (policy, states, ended, expected) in [
            ("Always", vec![waiting()], false, "Pending"),
            ("Always", vec![running()], false, "Running"),
            ("Always", vec![running(), waiting()], false, "Pending"),
            ("Always", vec![running(), exited(1)], false, "Running"),
            ("Always", vec![exited(0)], false, "Running"),
            ("OnFailure", vec![exited(0)], false, "Succeeded"),
            ("OnFailure", vec![exited(1)], false, "Running"),
            ("Never", vec![exited(0), exited(0)], false, "Succeeded"),
            ("Never", vec![exited(0), exited(1)], false, "Failed"),
            ("Never", vec![exited(1), running()], false, "Running"),
            ("Always", vec![exited(0)], true, "Succeeded"),
            ("Always", vec![exited(137)], true, "Failed"),
            ("Always", vec![waiting()], true, "Failed"),
        ] {
            let name = |i: usize| format!("c{i}");
            let containers: Vec<Doc> = (0..states.len()).map(|i| json!({"name": name(i)})).collect();
            let statuses: Vec<Doc> = states.iter().enumerate().map(|(i, s)| json!({"name": name(i), "state": s})).collect();
            let pod = PodView::new(json!({"spec": {"restartPolicy": policy, "containers": containers}}));
            let status = json!({ "containerStatuses": statuses });
            assert_eq!(phase(&pod, &status, ended), expected, "{policy} {states:?} {ended}");
        }
    }

    #[test]
    fn init_containers_come_first() {
        for (policy, init, expected) in [
            ("Always", json!({"running": {}}), "Pending"),
            ("Always", json!({"terminated": {"exitCode": 1}}), "Pending"),
            ("Never", json!({"terminated": {"exitCode": 1}}), "Failed"),
        ] {
            let pod = PodView::new(
                json!({"spec": {"restartPolicy": policy, "initContainers": [{"name": "i"}], "containers": [{"name": "c"}]}}),
            );
            let status = json!({"initContainerStatuses": [{"name": "i", "state": init}],
                "containerStatuses": [{"name": "c", "state": {"waiting": {}}}]});
            assert_eq!(phase(&pod, &status, false), expected, "{policy} {init}");
        }
    }
}
