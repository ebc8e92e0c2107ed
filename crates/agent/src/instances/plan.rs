//! What to do about an Instance record, decided purely from it and its network interface.

use super::states::InstanceState;
use meta::Doc;
use serde_json::json;

/// Keeps a record until nothing of the instance is left; whoever creates the record sets it.
pub const FINALIZER: &str = "agent.pilothouse.dev/instance";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Another host's, or nothing left to do.
    Leave,
    /// Its network is not there yet; the text says what is missing.
    Await(&'static str),
    /// Make it run, or see that it does.
    Run,
    /// Kill everything in it, remove it, then let go.
    Terminate,
    /// Let the record go: it has been terminated.
    Release,
}

pub(super) fn plan(record: &Doc, interface: Option<&Doc>, host: &str) -> Step {
    if record["spec"]["host"] != host {
        return Step::Leave;
    }
    let held = record["metadata"]["finalizers"].as_array().into_iter().flatten().any(|finalizer| finalizer == FINALIZER);
    let deleting = !record["metadata"]["deletionTimestamp"].is_null();
    match state(record) {
        InstanceState::Terminated if held => Step::Release,
        InstanceState::Terminated => Step::Leave,
        // Let go already: a record that is only waiting for others.
        _ if deleting && !held => Step::Leave,
        InstanceState::ShuttingDown => Step::Terminate,
        _ if deleting || record["spec"]["terminate"] == true => Step::Terminate,
        InstanceState::Running => Step::Run,
        InstanceState::Pending => match interface {
            None => Step::Await("the instance waits for its network interface"),
            Some(interface) if interface["status"]["realised"] != true => {
                Step::Await("the instance waits for its network interface to be attached")
            }
            Some(_) => Step::Run,
        },
    }
}

pub(super) fn state(record: &Doc) -> InstanceState {
    InstanceState::parse(record["status"]["state"].as_str().unwrap_or_default())
}

/// The status that says so, unless the record already does or may not come there any more.
pub(super) fn status(record: &Doc, next: InstanceState, message: &str, code: &str) -> Option<Doc> {
    if !state(record).may_become(next) {
        return None;
    }
    let reason = if code.is_empty() { Doc::Null } else { json!({ "code": code, "message": message }) };
    let status = json!({ "state": next.as_str(), "message": message, "stateReason": reason });
    let fields = ["state", "message", "stateReason"];
    let said = fields.iter().all(|field| record["status"][field] == status[field]);
    (!said).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: &str, terminate: bool, deleting: bool, held: bool) -> Doc {
        json!({
            "metadata": {
                "deletionTimestamp": deleting.then_some("x"), "finalizers": if held { json!([FINALIZER, "x"]) } else { json!(["x"]) },
            },
            "spec": {"host": "here", "terminate": terminate},
            "status": {"state": state},
        })
    }

    #[test]
    fn each_state_has_one_next_step() {
        let (attached, detached) = (json!({"status": {"realised": true}}), json!({"status": {}}));
        for (state, terminate, deleting, held, interface, step) in [
            ("", false, false, true, None, Step::Await("the instance waits for its network interface")),
            (
                "pending",
                false,
                false,
                true,
                Some(&detached),
                Step::Await("the instance waits for its network interface to be attached"),
            ),
            ("pending", false, false, true, Some(&attached), Step::Run),
            // A service that comes back finds its instances before their interfaces.
            ("running", false, false, true, None, Step::Run),
            ("running", true, false, true, Some(&attached), Step::Terminate),
            ("pending", true, false, true, None, Step::Terminate),
            ("running", false, true, true, Some(&attached), Step::Terminate),
            ("shutting-down", true, false, true, Some(&attached), Step::Terminate),
            ("terminated", true, false, true, None, Step::Release),
            ("terminated", true, false, false, None, Step::Leave),
            ("terminated", true, true, true, None, Step::Release),
            ("running", false, true, false, None, Step::Leave),
        ] {
            let record = record(state, terminate, deleting, held);
            assert_eq!(plan(&record, interface, "here"), step, "{state} {terminate} {deleting} {held} {interface:?}");
            assert_eq!(plan(&record, interface, "there"), Step::Leave);
        }
    }

    #[test]
    fn a_status_is_written_once_and_never_goes_back() {
        let mut record = record("pending", false, false, true);
        let waiting = status(&record, InstanceState::Pending, "no cgroups", "Server.InternalError").expect("a change");
        record["status"] = waiting;
        assert_eq!(status(&record, InstanceState::Pending, "no cgroups", "Server.InternalError"), None);
        let running = status(&record, InstanceState::Running, "", "").expect("a change");
        assert_eq!(running["stateReason"], Doc::Null);
        record["status"] = json!({"state": "running", "message": ""});
        assert_eq!(status(&record, InstanceState::Running, "", ""), None);
        assert_eq!(status(&record, InstanceState::Pending, "x", ""), None);
    }
}
