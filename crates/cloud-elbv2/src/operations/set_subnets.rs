//! SetSubnets: the zones that a load balancer is in from now on. The reconciler moves its interfaces.

use crate::failures::configuration;
use crate::load_balancers::{describe, zones};
use crate::lookup::{load_balancer, name_of};
use crate::records::LOAD_BALANCERS;
use crate::service::Cx;
use crate::subnets;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let record = load_balancer(&cx, &request, request.required("LoadBalancerArn")).await?;
    let namespace = request.namespace();
    let found = subnets::find(&cx.client, &namespace, subnets::asked(&request)?).await?;
    if found.iter().any(|(subnet, _)| subnet["vpcId"] != record["spec"]["vpcId"]) {
        return Err(configuration("All subnets must belong to the VPC of the load balancer").into());
    }
    let ids: Vec<&Doc> = found.iter().map(|(subnet, _)| &subnet["subnetId"]).collect();
    let changed = amend::<Failure>(&cx.client, LOAD_BALANCERS, &namespace, name_of(&record), |record| {
        let present = record["spec"]["availabilityZones"].as_array().map(Vec::as_slice).unwrap_or_default();
        let zones = zones(&found, present, &*cx.random);
        Ok(Some(json!({"spec": {"subnets": ids, "availabilityZones": zones}})))
    })
    .await?;
    Ok(json!({"AvailabilityZones": describe::zones(&changed), "IpAddressType": changed["spec"]["ipAddressType"]}))
}
