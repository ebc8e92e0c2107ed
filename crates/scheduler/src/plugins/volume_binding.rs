//! VolumeBinding: a pod waits for the claims that it mounts (kubernetes pkg/scheduler/framework/plugins/volumebinding).
//! Nothing is bound here: a claim that waits for its first pod keeps it waiting too.

use crate::cluster::{Claim, Cluster, Host};
use crate::framework::{Change, Filter, Plugin, PreFilter, Refusal};
use crate::model::{ClaimName, Pod};

const UNBOUND: &str = "pod has unbound immediate PersistentVolumeClaims";
const NO_VOLUMES: &str = "node(s) didn't find available persistent volumes to bind";

pub struct VolumeBinding;

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn pre_filter<'a>(&self, cluster: &'a Cluster, pod: &'a Pod) -> PreFilter<'a> {
        let claims: Result<Vec<Claim>, Refusal> = pod.asks.claims.iter().map(|name| usable(cluster, pod, name)).collect();
        match claims {
            Err(refusal) => PreFilter::Refuse(refusal),
            Ok(claims) if claims.contains(&Claim::Immediate) => PreFilter::Refuse(Refusal::unresolvable(UNBOUND)),
            Ok(claims) if claims.contains(&Claim::FirstConsumer) => PreFilter::Filter(Box::new(Nowhere)),
            Ok(_) => PreFilter::Skip,
        }
    }

    fn wakes(&self, _: &Cluster, pod: &Pod, change: &Change<'_>) -> bool {
        match change {
            Change::Claim(claim) => {
                pod.namespace() == claim.meta.namespace && pod.asks.claims.iter().any(|asked| asked.name == claim.meta.name)
            }
            Change::StorageClass => true,
            _ => false,
        }
    }
}

/// The claim, if it is there and lasts (`podHasPVCs`).
fn usable(cluster: &Cluster, pod: &Pod, asked: &ClaimName) -> Result<Claim, Refusal> {
    let name = &asked.name;
    let why = match cluster.claims.get(pod.namespace(), name) {
        None if asked.is_ephemeral => {
            format!("waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}")
        }
        None => format!("persistentvolumeclaim {name:?} not found"),
        Some(Claim::Lost(volume)) => format!("persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"),
        Some(Claim::Deleting) => format!("persistentvolumeclaim {name:?} is being deleted"),
        Some(claim) => return Ok(claim),
    };
    Err(Refusal::unresolvable(why))
}

struct Nowhere;

impl Filter for Nowhere {
    fn filter(&self, _: &Host) -> Result<(), Refusal> {
        Err(Refusal::unresolvable(NO_VOLUMES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{incoming, verdicts, zoned};
    use meta::{Doc, Object};
    use serde_json::json;

    fn object(doc: Doc) -> Object {
        Object::from_doc(&doc, 1).expect("a valid object")
    }

    #[test]
    fn a_pod_waits_for_its_claims() {
        let mounting = |volume: Doc| incoming(json!({}), json!({ "volumes": [volume] }));
        let claiming = mounting(json!({"name": "v", "persistentVolumeClaim": {"claimName": "data"}}));
        let bound =
            json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": "pv"}});
        for (claim, expected) in [
            (Doc::Null, "persistentvolumeclaim \"data\" not found"),
            (json!({"status": {"phase": "Pending"}}), UNBOUND),
            (json!({"spec": {"storageClassName": "none"}}), UNBOUND),
            (json!({"spec": {"storageClassName": "later"}}), &format!("a={NO_VOLUMES}")),
            (bound, "skip"),
            (
                json!({"spec": {"volumeName": "pv"}, "status": {"phase": "Lost"}}),
                "persistentvolumeclaim \"data\" bound to non-existent persistentvolume \"pv\"",
            ),
            (
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
                "persistentvolumeclaim \"data\" is being deleted",
            ),
        ] {
            let mut cluster = zoned("a:");
            let class = json!({"metadata": {"name": "later"}, "volumeBindingMode": "WaitForFirstConsumer"});
            cluster.claims.set_class(&object(class), true);
            if !claim.is_null() {
                let mut claim = claim.clone();
                claim["metadata"]["name"] = "data".into();
                claim["metadata"]["namespace"] = "default".into();
                cluster.claims.set(&object(claim), true);
            }
            assert_eq!(verdicts(&VolumeBinding, &mut cluster, &claiming), expected, "{claim}");
        }
        let mut cluster = zoned("a:");
        for (volume, expected) in [
            (json!({"name": "v", "emptyDir": {}}), "skip"),
            (
                json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {}}}),
                "waiting for ephemeral volume controller to create the persistentvolumeclaim \"incoming-v\"",
            ),
        ] {
            assert_eq!(verdicts(&VolumeBinding, &mut cluster, &mounting(volume)), expected);
        }
    }

    #[test]
    fn news_of_its_claim_wake_a_pod() {
        let pod = incoming(json!({}), json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}));
        let cluster = zoned("a:");
        for (namespace, name, wakes) in [("default", "data", true), ("default", "other", false), ("other", "data", false)] {
            let claim = object(json!({"metadata": {"name": name, "namespace": namespace}}));
            assert_eq!(VolumeBinding.wakes(&cluster, &pod, &Change::Claim(&claim)), wakes, "{namespace}/{name}");
        }
        assert!(VolumeBinding.wakes(&cluster, &pod, &Change::StorageClass));
    }
}
