//! CreateListener: the port is claimed, then the record made.

use crate::claims::{Claim, Made};
use crate::failures::invalid;
use crate::listeners::{check, describe, record};
use crate::lookup::{all, forwards_to, load_balancer, name_of, target_group};
use crate::records::LISTENERS;
use crate::service::Cx;
use crate::tags;
use aws_service::{Failure, Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let balancer = load_balancer(&cx, &request, request.required("LoadBalancerArn")).await?;
    let protocol = request.text("Protocol").ok_or_else(|| invalid("A listener protocol must be specified"))?;
    let port = request.input["Port"].as_u64().ok_or_else(|| invalid("A listener port must be specified"))?;
    check::protocol(protocol)?;
    let arn = check::forwards_to(&request.input["DefaultActions"])?;
    may_forward(&cx, &request, &balancer, protocol, arn).await?;
    let (tags, namespace) = (tags::given(&request)?, request.namespace());
    let claim = Claim::Port { load_balancer: name_of(&balancer), port };
    let build = |id: &str| record(&balancer, id, protocol, port, arn, tags.clone());
    match cx.maker(&namespace).make(LISTENERS, &claim, build, |listener| listener["spec"]["port"] == port).await? {
        Made::New(record) => Ok(json!({"Listeners": [describe::listener(&record)]})),
        Made::Exists(_) => Err(taken().into()),
    }
}

pub fn taken() -> AwsError {
    AwsError::new("DuplicateListener", "A listener already exists on this port for this load balancer")
}

/// Whether a listener of this load balancer may forward to the target group.
pub async fn may_forward(cx: &Cx, request: &Request, balancer: &Doc, protocol: &str, arn: &str) -> Result<(), Failure> {
    let group = target_group(cx, request, arn).await?;
    check::fits(balancer, protocol, &group)?;
    let listeners = all(&cx.client, &request.namespace(), LISTENERS, String::new()).await?;
    let forwarding: Vec<Doc> = listeners.into_iter().filter(|listener| forwards_to(listener, arn)).collect();
    Ok(check::of_one_load_balancer(balancer, &group, &forwarding)?)
}
