//! TerminateInstances: the records say so; the agents do it.

use crate::describe::refuse_dry_run;
use crate::instances::State;
use crate::instances::describe::state;
use crate::lookup;
use crate::records::INSTANCES;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub fn resources(request: &Request) -> Vec<String> {
    request.texts("InstanceIds").into_iter().map(|id| lookup::arn(request, "instance", Some(id))).collect()
}

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let mut records = Vec::new();
    // All must exist before one is ended.
    for id in request.texts("InstanceIds") {
        records.push(lookup::instance(&cx, &request, id).await?);
    }
    let reason = json!({
        "code": "Client.UserInitiatedShutdown", "message": "Client.UserInitiatedShutdown: User initiated shutdown",
    });
    let mut changes: Vec<Doc> = Vec::new();
    for record in records {
        let before = State::of(&record);
        let id = record["metadata"]["name"].as_str().unwrap_or_default();
        if matches!(before, State::Pending | State::Running) {
            let patch = json!({"spec": {"terminate": true, "terminateReason": reason}});
            cx.client.patch(INSTANCES, &request.namespace(), id, "", patch).await?;
        }
        let upper = |shown: Doc| json!({"Code": shown["code"], "Name": shown["name"]});
        changes.push(json!({
            "InstanceId": id, "PreviousState": upper(state(before)), "CurrentState": upper(state(before.max(State::ShuttingDown))),
        }));
    }
    Ok(json!({"TerminatingInstances": changes}))
}
