//! ModifyListener: its port, its protocol, where it forwards to.

use super::create_listener::{may_forward, taken};
use crate::claims::Claim;
use crate::listeners::{actions, check, describe};
use crate::lookup::{listener, load_balancer, name_of, text};
use crate::records::LISTENERS;
use crate::service::Cx;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let found = listener(&cx, &request, request.required("ListenerArn")).await?;
    let spec = &found["spec"];
    let balancer = load_balancer(&cx, &request, text(&spec["loadBalancerArn"])).await?;
    let protocol = request.text("Protocol").unwrap_or(text(&spec["protocol"]));
    check::protocol(protocol)?;
    let arn = match request.input["DefaultActions"].as_array().is_some_and(|actions| !actions.is_empty()) {
        true => check::forwards_to(&request.input["DefaultActions"])?,
        false => text(&spec["defaultActions"][0]["targetGroupArn"]),
    };
    may_forward(&cx, &request, &balancer, protocol, arn).await?;
    let before = spec["port"].as_u64().unwrap_or_default();
    let port = request.input["Port"].as_u64().unwrap_or(before);
    let namespace = request.namespace();
    let id = id_of(&found);
    if port != before {
        take(&cx, &namespace, &balancer, port, id).await?;
    }
    let changed = amend::<Failure>(&cx.client, LISTENERS, &namespace, name_of(&found), |_| {
        Ok(Some(json!({"spec": {"protocol": protocol, "port": port, "defaultActions": actions(arn)}})))
    })
    .await?;
    if port != before {
        let claim = Claim::Port { load_balancer: name_of(&balancer), port: before };
        cx.maker(&namespace).release(&claim, id).await?;
    }
    Ok(json!({"Listeners": [describe::listener(&changed)]}))
}

/// The listener's own id, which its claims are by.
pub fn id_of(listener: &Doc) -> &str {
    name_of(listener).rsplit('.').next().unwrap_or_default()
}

async fn take(cx: &Cx, namespace: &str, balancer: &Doc, port: u64, id: &str) -> Result<(), Failure> {
    let claim = Claim::Port { load_balancer: name_of(balancer), port };
    let holder = cx.maker(namespace).take(&claim, id).await?;
    match holder == id {
        true => Ok(()),
        false => Err(taken().into()),
    }
}
