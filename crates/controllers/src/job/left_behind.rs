//! Pods that still carry the finalizer of a job that is gone, or that nobody controls any more: they are let go.
//! `syncOrphanPod` of kubernetes `pkg/controller/job/job_controller.go`.

use super::KIND;
use super::pod::is_tracked;
use crate::workloads::{Pod, selector_of};
use meta::Object;
use reconcile::{Informer, ObjectKey};
use std::sync::Arc;

const BY_JOB: &str = "tracked-by-job";

pub(super) struct LeftBehind {
    pods: Arc<Informer>,
    jobs: Arc<Informer>,
}

fn job_of(pod: &Object) -> Option<ObjectKey> {
    let owner = pod.meta.controller().filter(|owner| owner.kind == KIND.kind && owner.api_version == KIND.api_version)?;
    Some(ObjectKey::new(&*pod.meta.namespace, &*owner.name))
}

impl LeftBehind {
    pub fn new(pods: &Arc<Informer>, jobs: Arc<Informer>) -> Self {
        pods.add_index(BY_JOB, |pod| job_of(pod).filter(|_| is_tracked(pod)).map(|job| job.to_string()).into_iter().collect());
        Self { pods: pods.clone(), jobs }
    }

    pub fn may_be(pod: &Object) -> bool {
        is_tracked(pod) && pod.meta.controller().is_none()
    }

    /// The pod, unless a job is about to adopt it.
    pub fn pod(&self, key: &ObjectKey) -> Option<Arc<Pod>> {
        let pod = self.pods.get(&key.namespace, &key.name).filter(|pod| Self::may_be(pod))?;
        let adopts = |job: &Arc<Object>| !job.meta.is_deleting() && selector_of(job).is_some_and(|s| s.matches(&pod.meta.labels));
        let adopted = !pod.meta.is_deleting() && self.jobs.in_namespace(&key.namespace).iter().any(adopts);
        (!adopted).then(|| Arc::new(Pod::of(&pod)))
    }

    /// What jobs of this name that are gone have left.
    pub fn by_predecessors(&self, key: &ObjectKey, job: Option<&Object>) -> Vec<Arc<Pod>> {
        let others =
            |pod: &Arc<Object>| pod.meta.controller().is_some_and(|owner| job.is_none_or(|job| job.meta.uid != owner.uid));
        let tracked = self.pods.indexed(BY_JOB, &key.to_string());
        tracked.iter().filter(|pod| others(pod)).map(|pod| Arc::new(Pod::of(pod))).collect()
    }
}
