use super::super::progress::{AVAILABLE, PROGRESSING, TIMED_OUT};
use super::super::revision::REVISION;
use super::super::set::tests::set;
use super::super::view::tests::deployment;
use super::*;

pub(crate) fn at(text: &str) -> Time {
    Time::parse(text).expect("a time")
}

/// A plan, and the sets as they are after it, oldest first.
pub(crate) struct Planned {
    pub sets: Vec<Set>,
    pub delete: Vec<Arc<Object>>,
    pub plan: Plan,
}

pub(crate) fn planned(deployment: &Deployment, sets: Vec<Set>) -> Planned {
    let mut plan = plan(deployment, sets.clone(), at("2026-01-01T01:00:00Z"));
    let after = |set: Set| plan.change.iter().find(|changed| changed.name == set.name).cloned().unwrap_or(set);
    let mut sets: Vec<Set> = sets.into_iter().map(after).collect();
    sets.extend(plan.create.as_ref().map(|(set, _)| set.clone()));
    Planned { sets, delete: std::mem::take(&mut plan.delete), plan }
}

/// What the sets ask for, oldest first.
pub(crate) fn sizes(planned: &Planned) -> String {
    planned.sets.iter().map(|set| set.wanted.replicas.to_string()).collect::<Vec<_>>().join(" ")
}

/// A condition as `status reason`, and its message.
fn told(doc: &Doc, r#type: &str) -> (String, String) {
    let conditions = doc["status"]["conditions"].as_array().expect("conditions");
    let found = condition(conditions, r#type).unwrap_or(&Doc::Null);
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (format!("{} {}", text("status"), text("reason")), text("message"))
}

#[test]
fn the_first_set_is_made_whole() {
    let mut deployment = deployment(json!({"minReadySeconds": 5}), json!({}));
    deployment.doc["metadata"]["annotations"] = json!({"kubernetes.io/change-cause": "why"});
    let planned = planned(&deployment, vec![]);
    let (set, spec) = planned.plan.create.expect("a set to create");
    let hash = hash(deployment.template(), None);
    let labels = json!({"app": "web", HASH_LABEL: hash});
    assert_eq!(set.name, format!("web-{hash}"));
    assert_eq!((set.wanted.replicas, set.revision()), (3, 1));
    assert_eq!((&spec["selector"]["matchLabels"], &spec["template"]["metadata"]["labels"]), (&labels, &labels));
    assert_eq!((&spec["minReadySeconds"], set.number("deployment.kubernetes.io/max-replicas")), (&json!(5), Some(4)));
    assert_eq!(set.wanted.annotations["kubernetes.io/change-cause"], "why");
    let status = planned.plan.status.expect("a status");
    let message = format!("Created new replica set \"web-{hash}\"");
    assert_eq!(told(&status, PROGRESSING), ("True NewReplicaSetCreated".into(), message));
    assert_eq!(told(&status, "Available").0, "False MinimumReplicasUnavailable");
    assert_eq!(
        (&status["metadata"]["annotations"][REVISION], &status["status"]["unavailableReplicas"]),
        (&json!("1"), &json!(3))
    );
    assert_eq!(planned.plan.next_look, Some(601));
}

#[test]
fn going_back_to_an_old_template_takes_its_set_again() {
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "v1"}]}});
    let deployment = deployment(json!({"template": template}), json!({}));
    let mut sets = vec![set(1, 0, 0), set(2, 3, 3)];
    sets.iter_mut().for_each(|set| set.note_size_of(&deployment));
    let planned = planned(&deployment, sets);
    assert!(planned.plan.create.is_none());
    assert_eq!(planned.sets[0].revision(), 3);
    assert_eq!(planned.sets[0].wanted.annotations["deployment.kubernetes.io/revision-history"], "1");
    assert_eq!(sizes(&planned), "1 3");
    assert_eq!(planned.plan.status.expect("a status")["metadata"]["annotations"][REVISION], "3");
}

/// A rollout of one set of revision 1, whose pods are as said, and what its `Progressing` becomes.
#[test]
fn progress_is_judged_by_what_changes() {
    let known = |status: &str, reason: &str, updated: &str| json!([{"type": PROGRESSING, "status": status, "reason": reason, "lastUpdateTime": updated, "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-01T00:55:00Z");
    for (conditions, available_before, available, expected, next_look) in [
        (json!([]), 0, 0, "True FoundNewReplicaSet", Some(601)),
        (known("True", "NewReplicaSetCreated", late), 0, 1, "True ReplicaSetUpdated", Some(601)),
        (known("True", "NewReplicaSetCreated", late), 1, 1, "True NewReplicaSetCreated", Some(301)),
        (known("True", "ReplicaSetUpdated", early), 1, 1, "False ProgressDeadlineExceeded", None),
        (known("False", TIMED_OUT, early), 1, 1, "False ProgressDeadlineExceeded", None),
        (known("False", TIMED_OUT, early), 1, 2, "True ReplicaSetUpdated", Some(601)),
        (known("True", "ReplicaSetUpdated", late), 2, 3, "True NewReplicaSetAvailable", None),
        // Once complete, a lost pod is no rollout.
        (known("True", AVAILABLE, early), 3, 2, "True NewReplicaSetAvailable", None),
        (known("Unknown", "DeploymentPaused", early), 2, 2, "Unknown DeploymentResumed", Some(601)),
    ] {
        let status = json!({
            "conditions": conditions, "replicas": 3, "updatedReplicas": 3, "availableReplicas": available_before,
        });
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
        let deployment = deployment(json!({"strategy": strategy}), status);
        let mut only = set(1, 3, available);
        only.note_size_of(&deployment);
        let plan = planned(&deployment, vec![only]).plan;
        let doc = plan.status.unwrap_or_else(|| deployment.doc.clone());
        assert_eq!((told(&doc, PROGRESSING).0.as_str(), plan.next_look), (expected, next_look), "{conditions} {available}");
    }
}

#[test]
fn without_a_deadline_progress_is_not_told() {
    let status = json!({"conditions": [{"type": PROGRESSING, "status": "True", "reason": "ReplicaSetUpdated"}]});
    let deployment = deployment(json!({"progressDeadlineSeconds": i32::MAX}), status);
    let plan = planned(&deployment, vec![]).plan;
    assert_eq!(told(&plan.status.expect("a status"), PROGRESSING).0, " ");
    assert_eq!(plan.next_look, None);
}

#[test]
fn a_sets_failure_is_the_deployments() {
    let deployment = deployment(json!({}), json!({}));
    let mut only = set(1, 3, 0);
    only.status["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no", "lastTransitionTime": "x"}]);
    let plan = planned(&deployment, vec![only]).plan;
    assert_eq!(told(&plan.status.expect("a status"), "ReplicaFailure"), ("True FailedCreate".into(), "no".into()));
}

#[test]
fn pausing_is_told_and_stops_the_rollout() {
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "v2"}]}});
    let deployment = deployment(json!({"paused": true, "template": template}), json!({}));
    let mut sets = vec![set(1, 3, 3)];
    sets[0].note_size_of(&deployment);
    let planned = planned(&deployment, sets);
    assert_eq!((sizes(&planned).as_str(), planned.plan.next_look), ("3", None));
    let status = planned.plan.status.expect("a status");
    assert_eq!(told(&status, PROGRESSING), ("Unknown DeploymentPaused".into(), "Deployment is paused".into()));
}

#[test]
fn what_is_as_it_should_be_is_left_alone() {
    let mut deployment = deployment(json!({}), json!({}));
    let mut only = set(1, 3, 3);
    only.note_size_of(&deployment);
    only.is = only.wanted.clone();
    let first = planned(&deployment, vec![only.clone()]).plan;
    deployment.doc = first.status.expect("a status");
    deployment = Deployment::of(&Object::from_doc(&deployment.doc, 6).expect("an object").shared());
    let second = planned(&deployment, vec![only]).plan;
    assert!(second.status.is_none() && second.change.is_empty() && second.create.is_none(), "{second:?}");
}

#[test]
fn names_of_sets_fit() {
    assert_eq!(set_name("web", "abc"), "web-abc");
    let long = set_name(&"x".repeat(253), "abc");
    assert_eq!((long.len(), long.ends_with("x-abc")), (253, true));
}
