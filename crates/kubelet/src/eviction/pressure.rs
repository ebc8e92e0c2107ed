//! What the node says of itself meanwhile, and which pods it takes then (kubernetes pkg/kubelet/eviction, Admit).

use super::signal::Condition;
use super::{REASON, message};
use crate::pod::{PodView, QosClass, items};
use crate::status::Failure;
use meta::Doc;
use parking_lot::Mutex;
use std::collections::BTreeSet;

/// Of the node, by default none. Shared by who measures, who reports and who admits.
#[derive(Debug, Default)]
pub struct Pressure(Mutex<BTreeSet<Condition>>);

impl Pressure {
    pub fn set(&self, conditions: BTreeSet<Condition>) {
        *self.0.lock() = conditions;
    }

    pub fn get(&self) -> BTreeSet<Condition> {
        self.0.lock().clone()
    }

    /// Critical pods always; under pressure of memory alone those that say what they need, or tolerate it.
    pub fn admit(&self, pod: &PodView) -> Result<(), Failure> {
        let conditions = self.get();
        let memory_alone = conditions.iter().eq([&Condition::MemoryPressure]);
        let modest = || pod.qos_class() != QosClass::BestEffort || tolerates_memory_pressure(pod);
        if conditions.is_empty() || pod.is_critical() || (memory_alone && modest()) {
            return Ok(());
        }
        Err(Failure { reason: REASON.into(), message: message::condition(&conditions), ..Failure::default() })
    }
}

/// The taint that the node has by then (k8s.io/component-helpers scheduling/corev1, TolerationsTolerateTaint).
fn tolerates_memory_pressure(pod: &PodView) -> bool {
    items(&pod.spec()["tolerations"]).iter().any(|toleration: &Doc| {
        let text = |field: &str| toleration[field].as_str().unwrap_or_default();
        let exists = text("operator") == "Exists";
        let key = text("key") == "node.kubernetes.io/memory-pressure" || (text("key").is_empty() && exists);
        key && matches!(text("effect"), "" | "NoSchedule") && (exists || text("value").is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pressure_keeps_pods_out() {
        use Condition::{DiskPressure, MemoryPressure};
        let critical = json!({"priority": 2_000_000_000, "containers": [{}]});
        let burstable = json!({"containers": [{"resources": {"requests": {"cpu": "1m"}}}]});
        let tolerant = json!({"containers": [{}], "tolerations": [
            {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"}]});
        let plain = json!({"containers": [{}], "tolerations": [{"key": "node.kubernetes.io/disk-pressure", "operator": "Exists"}]});
        for (conditions, spec, refusal) in [
            (vec![], &plain, None),
            (vec![MemoryPressure], &plain, Some("The node had condition: [MemoryPressure]. ")),
            (vec![MemoryPressure], &burstable, None),
            (vec![MemoryPressure], &tolerant, None),
            (vec![DiskPressure], &burstable, Some("The node had condition: [DiskPressure]. ")),
            (vec![MemoryPressure, DiskPressure], &tolerant, Some("The node had condition: [MemoryPressure DiskPressure]. ")),
            (vec![MemoryPressure, DiskPressure], &critical, None),
        ] {
            let pressure = Pressure::default();
            pressure.set(conditions.iter().copied().collect());
            let outcome = pressure.admit(&PodView::new(json!({"spec": spec})));
            assert_eq!(outcome.err().map(|failure| failure.message).as_deref(), refusal, "{conditions:?} {spec}");
        }
    }
}
