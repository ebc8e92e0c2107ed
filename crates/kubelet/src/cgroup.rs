//! Names and numbers of cgroups (kubernetes pkg/kubelet/cm/helpers_linux.go, pod_container_manager_linux.go).

use crate::pod::{ContainerView, PodView, QosClass};
use runtime::cri::Resources;

const MIN_SHARES: u64 = 2;
const MAX_SHARES: u64 = 262_144;
const SHARES_PER_CPU: u64 = 1024;
const PERIOD_US: u64 = 100_000;
const MIN_QUOTA_US: u64 = 1000;

/// `/kubepods/burstable/pod<uid>`; guaranteed pods are directly beneath `/kubepods`.
pub fn parent(pod: &PodView) -> String {
    let uid = pod.uid();
    match pod.qos_class() {
        QosClass::Guaranteed => format!("/kubepods/pod{uid}"),
        QosClass::Burstable => format!("/kubepods/burstable/pod{uid}"),
        QosClass::BestEffort => format!("/kubepods/besteffort/pod{uid}"),
    }
}

/// 100m are 102 shares, as one core is 1024.
fn shares(milli: i64) -> u64 {
    (milli.max(0) as u64).saturating_mul(SHARES_PER_CPU).wrapping_div(1000).clamp(MIN_SHARES, MAX_SHARES)
}

/// 100m are 10 ms of each 100 ms; 0: no limit.
fn quota(milli: i64) -> (i64, u64) {
    match milli {
        ..=0 => (0, 0),
        _ => ((milli as u64).saturating_mul(PERIOD_US / 1000).max(MIN_QUOTA_US).min(i64::MAX as u64) as i64, PERIOD_US),
    }
}

pub fn of_container(container: ContainerView<'_>) -> Resources {
    let (requests, limits) = (container.requests(), container.limits());
    let (cpu_quota_us, cpu_period_us) = quota(limits.cpu_milli);
    Resources {
        cpu_shares: shares(requests.cpu_milli),
        cpu_quota_us,
        cpu_period_us,
        memory_limit_bytes: limits.memory_bytes,
        pids_limit: 0,
    }
}

pub fn of_pod(pod: &PodView, pids_limit: i64) -> Resources {
    let (requests, limits) = (pod.requests(), pod.limits());
    let (cpu_quota_us, cpu_period_us) = quota(limits.cpu_milli);
    Resources {
        cpu_shares: shares(requests.cpu_milli),
        cpu_quota_us,
        cpu_period_us,
        memory_limit_bytes: limits.memory_bytes,
        pids_limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_of_a_container() {
        for (milli, expected_shares, expected_quota) in
            [(0, 2, (0, 0)), (1, 2, (1000, 100_000)), (100, 102, (10_000, 100_000)), (2000, 2048, (200_000, 100_000))]
        {
            assert_eq!((shares(milli), quota(milli)), (expected_shares, expected_quota), "{milli}m");
        }
    }

    #[test]
    fn a_pod_lies_under_its_class() {
        let pod = |containers| PodView::new(json!({"metadata": {"uid": "u"}, "spec": {"containers": containers}}));
        assert_eq!(parent(&pod(json!([{}]))), "/kubepods/besteffort/podu");
        assert_eq!(parent(&pod(json!([{"resources": {"limits": {"cpu": 1, "memory": 1}}}]))), "/kubepods/podu");
        let burstable = pod(json!([{"resources": {"requests": {"cpu": "100m"}}}, {"resources": {"limits": {"memory": "1Mi"}}}]));
        assert_eq!(parent(&burstable), "/kubepods/burstable/podu");
        let resources = of_pod(&burstable, 100);
        assert_eq!((resources.cpu_shares, resources.memory_limit_bytes, resources.pids_limit), (102, 0, 100));
    }
}
