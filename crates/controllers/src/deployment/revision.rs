//! Revisions: the numbers by which `kubectl rollout history` and `undo` know the sets of a deployment.

use super::set::Set;
use super::view::Deployment;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
/// What a set does not take over from its deployment.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
];
/// The longest history of a set.
const MAX_HISTORY_LENGTH: usize = 2000;

/// The number of the newest set, beside these.
pub(super) fn next_revision(old: &[Set]) -> i64 {
    old.iter().map(Set::revision).max().unwrap_or(0) + 1
}

/// Gives the newest set the deployment's annotations and its revision, and remembers the one that it had before
/// (`SetNewReplicaSetAnnotations` of kubernetes `pkg/controller/deployment/util/deployment_util.go`).
pub(super) fn annotate(set: &mut Set, deployment: &Deployment, revision: i64) {
    let copied = deployment.annotations().into_iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
    set.wanted.annotations.extend(copied);
    let before = set.wanted.annotations.get(REVISION).cloned();
    // It may be higher already, when sets in between have been deleted.
    if before.as_ref().is_some_and(|_| set.revision() >= revision) {
        return;
    }
    set.wanted.annotations.insert(REVISION.into(), revision.to_string());
    if let Some(before) = before {
        let history = set.wanted.annotations.entry(REVISION_HISTORY.into()).or_default();
        *history = extended(history, &before);
    }
}

/// The history with one more revision, without the oldest where it gets too long.
fn extended(history: &str, revision: &str) -> String {
    let mut revisions: Vec<&str> = history.split(',').filter(|one| !one.is_empty()).collect();
    revisions.push(revision);
    let length = |revisions: &[&str]| revisions.iter().map(|one| one.len() + 1).sum::<usize>() - 1;
    while revisions.len() > 1 && length(&revisions) > MAX_HISTORY_LENGTH {
        revisions.remove(0);
    }
    revisions.join(",")
}

#[cfg(test)]
mod tests {
    use super::super::set::tests::set;
    use super::super::view::tests::deployment;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_set_takes_annotations_and_the_next_revision() {
        let mut annotated = deployment(json!({}), json!({}));
        annotated.doc["metadata"]["annotations"] =
            json!({"kubernetes.io/change-cause": "why", REVISION: "7", OWN[0]: "{}", MAX_REPLICAS: "9"});
        for (had, history, revision, has, history_after) in
            [(1, None, 1, "1", None), (1, None, 3, "3", Some("1")), (3, Some("1"), 5, "5", Some("1,3")), (9, None, 5, "9", None)]
        {
            let mut set = set(had, 1, 1);
            history.map(|history: &str| set.wanted.annotations.insert(REVISION_HISTORY.into(), history.into()));
            annotate(&mut set, &annotated, revision);
            let of = |key: &str| set.wanted.annotations.get(key).map(String::as_str);
            assert_eq!((of(REVISION), of(REVISION_HISTORY)), (Some(has), history_after.or(history)), "{had} -> {revision}");
            assert_eq!((of("kubernetes.io/change-cause"), of(OWN[0]), of(MAX_REPLICAS)), (Some("why"), None, None));
        }
    }

    #[test]
    fn a_long_history_forgets_its_beginning() {
        let long = (1000..1400).map(|revision| revision.to_string()).collect::<Vec<_>>().join(",");
        let longer = extended(&long, "1400");
        assert!(longer.len() == 1999 && longer.starts_with("1001,") && longer.ends_with(",1400"), "{}", longer.len());
    }
}
