//! CreateTargetGroup.

use crate::arns::Place;
use crate::claims::{Claim, Made};
use crate::failures::{configuration, invalid, unsupported};
use crate::records::{TARGET_GROUPS, VPCS};
use crate::service::Cx;
use crate::tags;
use crate::target_groups::{NewTargetGroup, check, describe, health_check};
use aws_service::{Failure, Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::{Map, json};
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let namespace = request.namespace();
    let new = specification(&cx, &request)?;
    vpc_exists(&cx, &request, new.vpc_id).await?;
    let claim = Claim::TargetGroupName(new.name);
    let record = match cx.maker(&namespace).make(TARGET_GROUPS, &claim, |id| new.to_doc(id), |_| true).await? {
        Made::New(record) => record,
        Made::Exists(record) if same(&record, &new) => record,
        Made::Exists(_) => {
            let message = format!("A target group with the same name '{}' exists, but with different settings", new.name);
            return Err(AwsError::new("DuplicateTargetGroupName", message).into());
        }
    };
    Ok(json!({"TargetGroups": [describe::target_group(&record, &[])]}))
}

fn specification<'a>(cx: &'a Cx, request: &'a Request) -> Result<NewTargetGroup<'a>, AwsError> {
    let name = request.required("Name");
    check::name("Target group", name)?;
    let target_type = request.text("TargetType").unwrap_or("instance");
    check::target_type(target_type)?;
    let protocol = request.text("Protocol").ok_or_else(|| invalid("A protocol must be specified"))?;
    check::protocol(protocol)?;
    if !matches!(request.text("IpAddressType"), None | Some("ipv4")) {
        return Err(unsupported("An IP address type other than 'ipv4'"));
    }
    Ok(NewTargetGroup {
        place: Place::of(request),
        name,
        protocol,
        port: request.input["Port"].as_u64().ok_or_else(|| invalid("A port must be specified"))?,
        vpc_id: request.text("VpcId").ok_or_else(|| invalid("A VPC ID must be specified"))?,
        target_type,
        health_check: health_check::with_request(None, &request.input)?,
        attributes: Map::new(),
        tags: tags::given(request)?,
        targets: json!([]),
        host: &cx.host,
        stack: None,
    })
}

async fn vpc_exists(cx: &Cx, request: &Request, id: &str) -> Result<(), Failure> {
    let there = meta::names::dns_subdomain(id).is_empty() && cx.client.find(VPCS, &request.namespace(), id).await?.is_some();
    match there {
        true => Ok(()),
        false => Err(configuration(format!("The VPC ID '{id}' is not found")).into()),
    }
}

/// The same request again has the same answer.
fn same(record: &Doc, new: &NewTargetGroup<'_>) -> bool {
    let wanted = new.to_doc("");
    ["protocol", "port", "vpcId", "targetType", "healthCheck"]
        .into_iter()
        .all(|member| record["spec"][member] == wanted["spec"][member])
}
