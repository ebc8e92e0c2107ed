//! UnassignPrivateIpAddresses: the record says what is to go before it goes, so that it never comes back.

use crate::addresses::give_back;
use crate::describe::refuse_dry_run;
use crate::interfaces::project;
use crate::lookup;
use crate::records::NETWORK_INTERFACES;
use crate::service::Cx;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let id = request.required("NetworkInterfaceId");
    let interface = lookup::interface(&cx, &request, id).await?;
    lookup::check_own(&interface)?;
    let addresses: Vec<Ipv4Addr> = request.texts("PrivateIpAddresses").iter().filter_map(|text| text.parse().ok()).collect();
    let namespace = request.namespace();
    amend(&cx.client, NETWORK_INTERFACES, &namespace, id, |record| change(record, &addresses, id)).await?;
    let subnet = interface["spec"]["subnetId"].as_str().unwrap_or_default();
    for address in &addresses {
        give_back(&cx.client, &namespace, subnet, id, *address).await?;
    }
    project(&cx.client, &namespace, id).await?;
    Ok(json!({}))
}

fn change(record: &Doc, addresses: &[Ipv4Addr], id: &str) -> Result<Option<Doc>, Failure> {
    let present = record["status"]["privateIpAddresses"].as_array().map(Vec::as_slice).unwrap_or_default();
    for address in addresses {
        let secondary = |known: &&Doc| known["privateIpAddress"] == address.to_string() && known["primary"] != true;
        if !present.iter().any(|known| secondary(&known)) {
            let message = format!("Some of the specified addresses are not assigned to interface {id}");
            return Err(AwsError::new("InvalidParameterValue", message).into());
        }
    }
    let mut releasing = record["spec"]["releasing"].as_array().cloned().unwrap_or_default();
    releasing.extend(addresses.iter().map(|address| json!(address)));
    let before = record["spec"]["addressCount"].as_u64().unwrap_or(1);
    let count = before.saturating_sub(addresses.len() as u64).max(1);
    Ok(Some(json!({"spec": {"addressCount": count, "releasing": releasing}})))
}
