//! DeleteListener.

use super::modify_listener::id_of;
use crate::claims::Claim;
use crate::lookup::{listener, name_of, text};
use crate::records::LISTENERS;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use client::DeleteOptions;
use meta::Reason;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let found = listener(&cx, &request, request.required("ListenerArn")).await?;
    let namespace = request.namespace();
    match cx.client.delete(LISTENERS, &namespace, name_of(&found), DeleteOptions::default()).await {
        Err(status) if status.reason != Reason::NotFound => return Err(status.into()),
        _ => {}
    }
    let spec = &found["spec"];
    let port = spec["port"].as_u64().unwrap_or_default();
    let claim = Claim::Port { load_balancer: text(&spec["loadBalancer"]), port };
    cx.maker(&namespace).release(&claim, id_of(&found)).await?;
    Ok(json!({}))
}
