//! Jobs and pods as text, decisions as text.

use super::plan::{Seen, Step, plan};
use super::pod::{COMPLETION_INDEX, INDEX_FAILURE_COUNT, JobPod, TRACKING_FINALIZER};
use super::status::JobStatus;
use super::view::Job;
use crate::workloads::Pod;
use meta::{Doc, Object, Time};
use serde_json::json;
use std::sync::Arc;

const NOW: i64 = 1_000_000;

fn object(doc: Doc) -> Arc<Object> {
    Object::from_doc(&doc, 7).expect("a valid object").shared()
}

/// `name Phase flag...`: `ready`, `going` (being deleted), `free` (without the finalizer), `i=` an index, `f=` failures of
/// that index before, `t=` seconds since it ended, `r=` restarts, `x=` an exit code.
fn pod(text: &str) -> JobPod {
    let words: Vec<&str> = text.split(' ').collect();
    let flag = |flag: &str| words[2..].contains(&flag);
    let value = |key: &str| words[2..].iter().find_map(|word| word.strip_prefix(key)?.parse::<i64>().ok());
    let mut doc =
        json!({ "metadata": { "name": words[0], "namespace": "ns", "uid": words[0] }, "status": { "phase": words[1] } });
    if !flag("free") {
        doc["metadata"]["finalizers"] = json!([TRACKING_FINALIZER]);
    }
    if flag("going") {
        doc["metadata"]["deletionTimestamp"] = Time::from_unix(NOW).to_string().into();
    }
    for (key, annotation) in [("i=", COMPLETION_INDEX), ("f=", INDEX_FAILURE_COUNT)] {
        if let Some(number) = value(key) {
            doc["metadata"]["annotations"][annotation] = number.to_string().into();
        }
    }
    if flag("ready") {
        doc["status"]["conditions"] = json!([{ "type": "Ready", "status": "True" }]);
    }
    let ended = Time::from_unix(NOW - value("t=").unwrap_or(100_000)).to_string();
    let state = match words[1] {
        "Succeeded" | "Failed" => json!({ "terminated": { "finishedAt": ended, "exitCode": value("x=").unwrap_or(0) } }),
        _ => json!({}),
    };
    doc["status"]["containerStatuses"] = json!([{ "name": "c", "restartCount": value("r=").unwrap_or(0), "state": state }]);
    JobPod::new(Pod::of(&object(doc)).into())
}

fn show(step: &Step) -> String {
    let names = |pods: &[Arc<Pod>]| pods.iter().map(|pod| pod.name()).collect::<Vec<_>>().join(" ");
    match step {
        Step::Discard(pods) => format!("discard {}", names(pods)),
        Step::Delete(pods) => format!("delete {}", names(pods)),
        Step::Track(pods) => format!("track {}", names(pods)),
        Step::Untrack(pods) => format!("untrack {}", names(pods)),
        Step::Create(pods) => {
            let index = |pod: &Doc| pod["metadata"]["annotations"][COMPLETION_INDEX].as_str().map(|i| format!(" #{i}"));
            let indexes: String = pods.iter().filter_map(|pod| index(&pod.template)).collect();
            format!("create {}{indexes}", pods.len())
        }
        Step::Status(status) => format!("status{}", show_status(status)),
        Step::Say(_, reason, _) => format!("say {reason}"),
        Step::Again(seconds) => format!("again {seconds}"),
    }
}

fn show_status(status: &JobStatus) -> String {
    let counts = [
        ("active", status.active),
        ("ready", status.ready.unwrap_or(-1)),
        ("terminating", status.terminating.unwrap_or(-1)),
        ("succeeded", status.succeeded),
        ("failed", status.failed),
    ];
    let counts: String = counts.iter().filter(|(_, count)| *count != 0).map(|(name, count)| format!(" {name}={count}")).collect();
    let uids = |name: &str, uids: &[String]| if uids.is_empty() { String::new() } else { format!(" {name}={}", uids.join(",")) };
    let uncounted = uids("+succeeded", &status.uncounted.succeeded) + &uids("+failed", &status.uncounted.failed);
    let indexes = if status.completed_indexes.is_empty() { String::new() } else { format!(" done={}", status.completed_indexes) };
    let failed = status.failed_indexes.as_deref().filter(|i| !i.is_empty()).map_or(String::new(), |i| format!(" lost={i}"));
    let condition =
        |c: &Doc| format!(" {}{}", c["type"].as_str().unwrap_or(""), if c["status"] == "True" { "" } else { "=False" });
    let conditions: String = status.conditions.iter().map(condition).collect();
    counts + &uncounted + &indexes + &failed + &conditions
}

/// One pass over a job that has started, with these fields of spec and status.
fn check(spec: Doc, status: Doc, pods: &[&str], expected: &[&str]) {
    let mut doc = json!({ "metadata": { "name": "job", "namespace": "ns", "uid": "u" },
        "spec": { "parallelism": 1, "backoffLimit": 6, "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "c" }] } } },
        "status": { "startTime": Time::from_unix(NOW - 100).to_string(), "ready": 0, "terminating": 0 } });
    for (part, fields) in [("spec", &spec), ("status", &status)] {
        for (key, value) in fields.as_object().into_iter().flatten() {
            doc[part][key] = value.clone();
        }
    }
    if spec["deleting"] == true {
        doc["metadata"]["deletionTimestamp"] = Time::from_unix(NOW).to_string().into();
    }
    let settled = spec["unsettled"] != true;
    let seen = Seen { job: Job::new(object(doc)), pods: pods.iter().map(|text| pod(text)).collect(), settled };
    let shown: Vec<String> = plan(&seen, Time::from_unix(NOW)).iter().map(show).collect();
    assert_eq!(shown, expected, "spec {spec} status {status} pods {pods:?}");
}

const NONE: Doc = Doc::Null;

#[test]
fn pods_are_made_up_to_what_is_wanted() {
    let three = json!({"completions": 5, "parallelism": 3});
    check(three.clone(), NONE, &[], &["create 3", "status active=3"]);
    check(three.clone(), json!({"active": 1}), &["a Running"], &["create 2", "status active=3"]);
    check(three.clone(), json!({"active": 3, "ready": 1}), &["a Running ready", "b Pending", "c Pending"], &[]);
    // Never more than what is left to complete.
    check(three.clone(), json!({"succeeded": 4}), &[], &["create 1", "status active=1 succeeded=4"]);
    check(json!({"parallelism": 2}), json!({"succeeded": 1, "active": 1}), &["a Running"], &[]);
    // Too many: those that have come least far go first, and nobody counts them.
    check(
        json!({"completions": 5, "parallelism": 1}),
        json!({"active": 2, "ready": 1}),
        &["a Running ready", "b Pending"],
        &["discard b", "status active=1 ready=1 terminating=1"],
    );
    check(
        json!({"completions": 2, "parallelism": 2, "podReplacementPolicy": "Failed"}),
        json!({"active": 1, "terminating": 1}),
        &["a Running", "b Running going"],
        &[],
    );
    check(
        json!({"completions": 2, "parallelism": 2}),
        json!({"active": 1}),
        &["a Running", "b Running going"],
        &["again 10", "status active=1 terminating=1 +failed=b", "untrack b"],
    );
    check(json!({"completions": 1, "managedBy": "example.com/other"}), NONE, &[], &[]);
    check(json!({"completions": 1, "deleting": true}), NONE, &["a Running"], &["status active=1", "untrack a"]);
    check(json!({"completions": 1}), json!({"active": 1}), &["a Running free"], &["track a"]);
}

#[test]
fn ends_are_counted_once() {
    let spec = json!({"completions": 2, "parallelism": 1});
    // A UID first, then the finalizer, then the count.
    check(spec.clone(), json!({"active": 1}), &["a Succeeded"], &["create 1", "status active=1 +succeeded=a", "untrack a"]);
    let written = json!({"active": 1, "uncountedTerminatedPods": {"succeeded": ["a"]}});
    check(spec.clone(), written.clone(), &["a Succeeded", "b Pending"], &["untrack a"]);
    check(spec.clone(), written.clone(), &["a Succeeded free", "b Pending"], &["status active=1 succeeded=1"]);
    check(spec.clone(), written, &["b Pending"], &["status active=1 succeeded=1"]);
    check(spec.clone(), json!({"active": 1, "succeeded": 1}), &["a Succeeded free", "b Pending"], &[]);
    // Pods cannot be made: what has ended is counted all the same.
    let stuck = json!({"completions": 2, "parallelism": 1, "unsettled": true});
    check(stuck, json!({"active": 1}), &["a Succeeded"], &["status +succeeded=a", "untrack a"]);
}

#[test]
fn jobs_complete_when_every_pod_is_counted_and_gone() {
    let spec = json!({"completions": 1});
    check(spec.clone(), json!({"active": 1}), &["a Succeeded"], &["status +succeeded=a SuccessCriteriaMet", "untrack a"]);
    let met = json!([{"type": "SuccessCriteriaMet", "status": "True", "reason": "CompletionsReached", "message": "m"}]);
    let counted = json!({"uncountedTerminatedPods": {"succeeded": ["a"]}, "conditions": met});
    check(
        spec.clone(),
        counted.clone(),
        &["a Succeeded free"],
        &["status succeeded=1 SuccessCriteriaMet Complete", "say Completed"],
    );
    check(spec, counted, &["a Succeeded free", "b Running going free"], &["status terminating=1 succeeded=1 SuccessCriteriaMet"]);
    check(json!({"completions": 0}), NONE, &[], &["status SuccessCriteriaMet Complete", "say Completed"]);
    // Without a number: the first success, once the others have ended too.
    check(
        json!({"parallelism": 2}),
        json!({"active": 1, "succeeded": 1}),
        &["b Succeeded"],
        &["status succeeded=1 +succeeded=b SuccessCriteriaMet", "untrack b"],
    );
    let done = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]});
    check(json!({"completions": 1}), done.clone(), &[], &[]);
    check(json!({"completions": 1}), done, &["late Failed"], &["untrack late"]);
}

#[test]
fn jobs_fail_for_a_reason() {
    let spec = json!({"completions": 1, "backoffLimit": 1});
    check(
        spec.clone(),
        json!({"active": 1, "failed": 1}),
        &["b Failed"],
        &["status failed=1 +failed=b FailureTarget", "untrack b"],
    );
    // The pods that still run go, and count as failed.
    check(
        json!({"completions": 2, "parallelism": 2, "backoffLimit": 0}),
        json!({"active": 2}),
        &["a Running ready", "b Failed"],
        &["delete a", "status terminating=1 +failed=a,b FailureTarget", "untrack a b"],
    );
    let target = json!([{"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "m"}]);
    let status = json!({"terminating": 1, "uncountedTerminatedPods": {"failed": ["a"]}, "conditions": target});
    check(spec.clone(), status.clone(), &["a Running going free"], &["status terminating=1 failed=1 FailureTarget"]);
    check(spec, status, &[], &["status failed=1 FailureTarget Failed", "say DeadlineExceeded"]);
    // Container restarts are failures where containers restart.
    let restarting = json!({"completions": 1, "backoffLimit": 3, "template": {"spec": {"restartPolicy": "OnFailure"}}});
    check(restarting.clone(), json!({"active": 1}), &["a Running r=2"], &[]);
    check(
        restarting,
        json!({"active": 1}),
        &["a Running r=3"],
        &["delete a", "status terminating=1 +failed=a FailureTarget", "untrack a"],
    );
    for (deadline, expected) in
        [(101, vec!["again 1"]), (100, vec!["delete a", "status terminating=1 +failed=a FailureTarget", "untrack a"])]
    {
        check(json!({"completions": 1, "activeDeadlineSeconds": deadline}), json!({"active": 1}), &["a Running"], &expected);
    }
    let rules = |action: &str| json!({"rules": [{"action": action, "onExitCodes": {"operator": "In", "values": [42]}}]});
    check(
        json!({"completions": 1, "podFailurePolicy": rules("FailJob")}),
        json!({"active": 1}),
        &["a Failed x=42"],
        &["status +failed=a FailureTarget", "untrack a"],
    );
    check(
        json!({"completions": 1, "podFailurePolicy": rules("Ignore")}),
        json!({"active": 1}),
        &["a Failed x=42"],
        &["create 1", "untrack a"],
    );
}

#[test]
fn failures_delay_the_next_pod() {
    let spec = json!({"completions": 2, "parallelism": 1});
    check(spec.clone(), NONE, &["a Failed t=4"], &["again 6", "status +failed=a", "untrack a"]);
    check(spec.clone(), json!({"failed": 2}), &["a Failed free t=30", "b Failed free t=5"], &["again 15"]);
    check(spec.clone(), json!({"failed": 1}), &["a Failed free t=10"], &["create 1", "status active=1 failed=1"]);
    // A success in between begins anew.
    check(
        spec,
        json!({"failed": 1, "succeeded": 1}),
        &["a Failed free t=5", "b Succeeded free t=2"],
        &["create 1", "status active=1 succeeded=1 failed=1"],
    );
}

#[test]
fn suspended_jobs_have_no_pods() {
    let spec = json!({"completions": 2, "parallelism": 2, "suspend": true});
    check(
        spec.clone(),
        json!({"active": 2, "ready": 1}),
        &["a Running ready", "b Pending"],
        &["discard a b", "status terminating=2 Suspended", "say Suspended"],
    );
    let suspended =
        json!({"conditions": [{"type": "Suspended", "status": "True", "reason": "JobSuspended", "message": "Job suspended"}]});
    check(spec, suspended.clone(), &[], &[]);
    check(
        json!({"completions": 2, "parallelism": 2}),
        suspended,
        &[],
        &["create 2", "status active=2 Suspended=False", "say Resumed"],
    );
    check(
        json!({"completions": 1, "suspend": true, "activeDeadlineSeconds": 1}),
        NONE,
        &[],
        &["status Suspended", "say Suspended"],
    );
}

#[test]
fn indexed_jobs_run_each_index() {
    let spec = json!({"completions": 4, "parallelism": 2, "completionMode": "Indexed"});
    check(spec.clone(), NONE, &[], &["create 2 #0 #1", "status active=2"]);
    check(
        spec.clone(),
        json!({"active": 2}),
        &["a Succeeded i=1", "b Running i=0"],
        &["create 1 #2", "status active=2 succeeded=1 done=1", "untrack a"],
    );
    check(
        spec.clone(),
        json!({"active": 2, "succeeded": 1, "completedIndexes": "1"}),
        &["a Succeeded i=1", "b Running i=0", "c Running i=2"],
        &["untrack a"],
    );
    // An index that is not the job's, or taken twice.
    check(
        spec.clone(),
        json!({"active": 3}),
        &["a Running i=0", "b Pending i=0", "c Running i=9"],
        &["discard c b", "status active=1 terminating=2"],
    );
    check(
        spec,
        json!({"completedIndexes": "0-2", "succeeded": 3}),
        &["d Succeeded i=3"],
        &["status succeeded=4 done=0-3 SuccessCriteriaMet", "untrack d"],
    );
    let policy = json!({"rules": [{"succeededIndexes": "0,3", "succeededCount": 1}]});
    check(
        json!({"completions": 4, "parallelism": 2, "completionMode": "Indexed", "successPolicy": policy}),
        json!({"active": 2}),
        &["a Succeeded i=0", "b Running i=1"],
        &["delete b", "status terminating=1 succeeded=1 done=0 SuccessCriteriaMet", "untrack a b"],
    );
}

#[test]
fn indexes_have_limits_of_their_own() {
    let spec = json!({"completions": 2, "parallelism": 2, "completionMode": "Indexed", "backoffLimit": 2_147_483_647, "backoffLimitPerIndex": 1});
    // The failed pod stays until its replacement carries its failures.
    check(
        spec.clone(),
        json!({"active": 1, "failedIndexes": ""}),
        &["a Failed i=0 f=0", "b Running i=1"],
        &["create 1 #0", "status active=2"],
    );
    check(spec.clone(), json!({"active": 1, "failedIndexes": ""}), &["a Failed i=0 f=0 t=4", "b Running i=1"], &["again 6"]);
    check(
        spec.clone(),
        json!({"active": 2, "failedIndexes": ""}),
        &["a Failed i=0 f=0", "b Running i=1", "c Pending i=0 f=1"],
        &["status active=2 +failed=a", "untrack a"],
    );
    check(
        spec.clone(),
        json!({"active": 1, "failed": 1, "failedIndexes": ""}),
        &["c Failed i=0 f=1", "b Running i=1"],
        &["status active=1 failed=1 +failed=c lost=0", "untrack c"],
    );
    check(
        spec,
        json!({"failedIndexes": "0", "failed": 2}),
        &["b Succeeded i=1"],
        &["status succeeded=1 failed=2 done=1 lost=0 FailureTarget", "untrack b"],
    );
}
