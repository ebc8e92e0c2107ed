//! CreateLoadBalancer: checks everything that can be checked, then writes the one record that the reconciler makes true.

use crate::arns::Place;
use crate::claims::{Claim, Made};
use crate::failures::{configuration, unsupported};
use crate::load_balancers::{NewLoadBalancer, describe};
use crate::lookup::text;
use crate::records::{LOAD_BALANCERS, SECURITY_GROUPS};
use crate::service::Cx;
use crate::target_groups::check::name;
use crate::{subnets, tags};
use aws_service::{Failure, Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::{Map, json};
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    check_supported(&request)?;
    name("Load balancer", request.required("Name"))?;
    let asked = subnets::asked(&request)?;
    let namespace = request.namespace();
    let found = subnets::find(&cx.client, &namespace, asked).await?;
    let scheme = request.text("Scheme").unwrap_or("internet-facing");
    let new = NewLoadBalancer {
        place: Place::of(&request),
        name: request.required("Name"),
        scheme,
        security_groups: security_groups(&cx, &request, &found[0].0).await?,
        subnets: found,
        attributes: Map::new(),
        tags: tags::given(&request)?,
        stack: None,
        now: request.now,
    };
    let claim = Claim::LoadBalancerName(new.name);
    let build = |id: &str| new.to_doc(id, &*cx.random);
    let record = match cx.maker(&namespace).make(LOAD_BALANCERS, &claim, build, |_| true).await? {
        Made::New(record) => record,
        Made::Exists(record) if same(&record, &new) => record,
        Made::Exists(_) => return Err(taken(new.name).into()),
    };
    Ok(json!({"LoadBalancers": [describe::load_balancer(&record)]}))
}

fn check_supported(request: &Request) -> Result<(), AwsError> {
    match request.text("Type").unwrap_or("application") {
        "network" => {}
        other => return Err(unsupported(&format!("A load balancer of type '{other}'"))),
    }
    if !matches!(request.text("IpAddressType"), None | Some("ipv4")) {
        return Err(unsupported("An IP address type other than 'ipv4'"));
    }
    let pools = ["CustomerOwnedIpv4Pool", "IpamPools"];
    if let Some(member) = pools.into_iter().find(|member| !request.input[*member].is_null()) {
        return Err(unsupported(&format!("The parameter {member}")));
    }
    match request.text("EnablePrefixForIpv6SourceNat") {
        Some("on") => Err(unsupported("The parameter EnablePrefixForIpv6SourceNat")),
        _ => Ok(()),
    }
}

async fn security_groups(cx: &Cx, request: &Request, subnet: &Doc) -> Result<Doc, Failure> {
    let asked = request.texts("SecurityGroups");
    for id in &asked {
        let refused = || AwsError::new("InvalidSecurityGroup", format!("The security group '{id}' does not exist"));
        if !meta::names::dns_subdomain(id).is_empty() {
            return Err(refused().into());
        }
        let group = cx.client.find(SECURITY_GROUPS, &request.namespace(), id).await?.ok_or_else(refused)?;
        if group.get("/spec/vpcId") != subnet["vpcId"] {
            return Err(configuration(format!("The security group '{id}' is not in the VPC '{}'", text(&subnet["vpcId"]))).into());
        }
    }
    Ok(json!(asked))
}

/// The same request again has the same answer.
fn same(record: &Doc, new: &NewLoadBalancer<'_>) -> bool {
    let wanted: Vec<&Doc> = new.subnets.iter().map(|(subnet, _)| &subnet["subnetId"]).collect();
    let spec = &record["spec"];
    spec["scheme"] == new.scheme && spec["subnets"] == json!(wanted) && spec["securityGroups"] == new.security_groups
}

fn taken(name: &str) -> AwsError {
    let message = format!("A load balancer with the same name '{name}' exists, but with different settings");
    AwsError::new("DuplicateLoadBalancerName", message)
}
