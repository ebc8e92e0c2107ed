//! The pods a job makes from its template.

use super::pod::{COMPLETION_INDEX, INDEX_FAILURE_COUNT, INDEX_IGNORED_FAILURE_COUNT, JobPod, TRACKING_FINALIZER};
use super::tally::IndexTally;
use super::view::Job;
use super::{KIND, failure_policy};
use crate::workloads::pod_from_template;
use meta::{Doc, Object};
use serde_json::json;

const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// What a generated name's random end leaves of the 63 characters that a host name may have.
const LONGEST_PREFIX: usize = 58;

/// A pod template, and what the pod's name begins with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NewPod {
    pub template: Doc,
    pub generate_name: String,
}

impl NewPod {
    pub fn doc(&self, owner: &Object) -> Doc {
        let mut pod = pod_from_template(&self.template, owner, KIND);
        pod["metadata"]["generateName"] = self.generate_name.as_str().into();
        pod
    }
}

pub(super) fn plain(job: &Job) -> NewPod {
    NewPod { template: tracked(job), generate_name: format!("{}-", job.object.meta.name) }
}

pub(super) fn of_index(job: &Job, indexes: &IndexTally<'_>, index: i64) -> NewPod {
    let name = &job.object.meta.name;
    let mut template = tracked(job);
    let metadata = &mut template["metadata"];
    metadata["annotations"][COMPLETION_INDEX] = index.to_string().into();
    metadata["labels"][COMPLETION_INDEX] = index.to_string().into();
    if job.backoff_limit_per_index().is_some() {
        count_failures(&mut metadata["annotations"], job, indexes.to_replace.get(&index).copied());
    }
    let spec = &mut template["spec"];
    spec["hostname"] = format!("{name}-{index}").into();
    for field in ["initContainers", "containers"] {
        spec[field].as_array_mut().into_iter().flatten().for_each(add_index_variable);
    }
    let end = format!("-{index}-");
    let kept = name.len().min(LONGEST_PREFIX - end.len());
    NewPod { template, generate_name: format!("{}{end}", &name[..kept]) }
}

fn tracked(job: &Job) -> Doc {
    let mut template = job.doc["spec"]["template"].clone();
    let finalizers = &mut template["metadata"]["finalizers"];
    let mut listed = finalizers.as_array().cloned().unwrap_or_default();
    if !listed.iter().any(|f| f == TRACKING_FINALIZER) {
        listed.push(TRACKING_FINALIZER.into());
    }
    *finalizers = listed.into();
    template
}

/// A pod knows how often its index has failed before it.
fn count_failures(annotations: &mut Doc, job: &Job, replaced: Option<&JobPod>) {
    let (mut counted, mut ignored) = replaced.map_or((0, 0), |pod| (pod.index_failures(), pod.ignored_index_failures()));
    if let Some(pod) = replaced {
        let counts = failure_policy::action(job.failure_policy(), pod).counts();
        *(if counts { &mut counted } else { &mut ignored }) += 1;
    }
    annotations[INDEX_FAILURE_COUNT] = counted.to_string().into();
    if ignored > 0 {
        annotations[INDEX_IGNORED_FAILURE_COUNT] = ignored.to_string().into();
    }
}

fn add_index_variable(container: &mut Doc) {
    let mut variables = container["env"].as_array().cloned().unwrap_or_default();
    if variables.iter().any(|v| v["name"] == INDEX_VARIABLE) {
        return;
    }
    let path = format!("metadata.labels['{COMPLETION_INDEX}']");
    variables.push(json!({ "name": INDEX_VARIABLE, "valueFrom": { "fieldRef": { "fieldPath": path } } }));
    container["env"] = variables.into();
}
