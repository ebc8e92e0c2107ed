//! DescribeInstanceStatus: of those that run, unless all are asked for.

use crate::describe::{Kind, check_combination, filtered, refuse_dry_run, select};
use crate::instances::describe::KIND;
use crate::lookup::described_instances;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

const STATUS: Kind = Kind {
    filters: &[
        ("availability-zone", "placement.availabilityZone"),
        ("instance-state-code", "state.code"),
        ("instance-state-name", "state.name"),
    ],
    ..KIND
};

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let ids = request.texts(KIND.ids);
    check_combination(&request, &KIND, &ids)?;
    let mut selected = select(described_instances(&cx, &request).await?, &ids, &KIND)?;
    if request.input["IncludeAllInstances"] != true {
        selected.retain(|instance| instance["state"]["name"] == "running");
    }
    let page = filtered(&request, &STATUS, selected)?;
    let mut output = json!({"InstanceStatuses": page.items.iter().map(status).collect::<Vec<_>>()});
    if let Some(token) = page.next_token {
        output["NextToken"] = token.into();
    }
    Ok(output)
}

/// An instance that runs has been reached by its agent.
fn status(instance: &Doc) -> Doc {
    let state = &instance["state"];
    let summary = match state["name"] == "running" {
        true => json!({"Status": "ok", "Details": [{"Name": "reachability", "Status": "passed"}]}),
        false => json!({"Status": "not-applicable"}),
    };
    json!({
        "InstanceId": instance["instanceId"], "AvailabilityZone": instance["placement"]["availabilityZone"],
        "InstanceState": {"Code": state["code"], "Name": state["name"]}, "InstanceStatus": summary, "SystemStatus": summary,
    })
}
