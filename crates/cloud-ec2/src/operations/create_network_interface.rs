//! CreateNetworkInterface: its record first, then its addresses, so that none is ever taken for nobody.

use crate::describe::refuse_dry_run;
use crate::interfaces::describe::{interface, shown};
use crate::interfaces::{NO_ADDRESS, NewInterface, mac_address, project, taker};
use crate::lookup;
use crate::records::{NETWORK_INTERFACES, SECURITY_GROUPS};
use crate::service::Cx;
use aws_service::{Failure, Outcome, Request, ids};
use aws_wire::AwsError;
use client::DeleteOptions;
use meta::Doc;
use reconcile::gone_is_done;
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;

const UNSUPPORTED: [&str; 8] = [
    "Ipv6AddressCount",
    "Ipv6Addresses",
    "Ipv4PrefixCount",
    "Ipv4Prefixes",
    "Ipv6PrefixCount",
    "Ipv6Prefixes",
    "EnablePrimaryIpv6",
    "ConnectionTrackingSpecification",
];

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    check_supported(&request)?;
    let subnet = lookup::subnet(&cx, &request, request.required("SubnetId")).await?;
    let groups = groups(&cx, &request, &subnet).await?;
    let id = ids::ec2_id(&*cx.random, "eni");
    let new = NewInterface {
        id: &id,
        subnet: &subnet,
        owner_id: request.account(),
        requester_id: &request.caller.user_id,
        description: request.text("Description").unwrap_or_default(),
        groups,
        mac_address: mac_address(&*cx.random),
        // Raised below, once the addresses are taken.
        address_count: 0,
        tags: lookup::tags(&request, "network-interface"),
        attachment: None,
        host: "",
    };
    cx.client.create(NETWORK_INTERFACES, &request.namespace(), new.to_doc()).await?;
    if let Err(failure) = take(&cx, &request, &id).await {
        delete(&cx, &request, &id).await?;
        return Err(failure);
    }
    let made = project(&cx.client, &request.namespace(), &id).await?;
    let names = lookup::group_names(&cx, &request).await?;
    Ok(json!({"NetworkInterface": shown(&interface(&made, &names))}))
}

fn check_supported(request: &Request) -> Result<(), AwsError> {
    let given = |member: &&&str| match &request.input[**member] {
        Doc::Null => false,
        Doc::Array(list) => !list.is_empty(),
        Doc::Bool(flag) => *flag,
        _ => true,
    };
    if let Some(member) = UNSUPPORTED.iter().find(given) {
        return Err(AwsError::new("UnsupportedOperation", format!("{member} is not supported by this installation of EC2.")));
    }
    match request.text("InterfaceType") {
        None | Some("interface") => Ok(()),
        Some(kind) => Err(AwsError::new("InvalidParameterValue", format!("The interface type {kind} is not supported"))),
    }
}

/// Those asked for or, as on EC2, the default group of the VPC.
async fn groups(cx: &Cx, request: &Request, subnet: &Doc) -> Result<Doc, Failure> {
    let asked = request.texts("Groups");
    let all = lookup::all(cx, request, SECURITY_GROUPS).await?;
    let here = |group: &&Doc| group["spec"]["vpcId"] == subnet["vpcId"];
    if asked.is_empty() {
        let default = all.iter().filter(here).find(|group| group["spec"]["groupName"] == "default");
        return Ok(default.map_or_else(|| json!([]), |group| json!([group["spec"]["groupId"]])));
    }
    for id in &asked {
        if !all.iter().filter(here).any(|group| group["spec"]["groupId"] == *id) {
            return Err(AwsError::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist")).into());
        }
    }
    Ok(json!(asked))
}

/// The primary address and the secondary ones.
async fn take(cx: &Cx, request: &Request, id: &str) -> Result<(), Failure> {
    let namespace = request.namespace();
    let subnet = request.required("SubnetId");
    let full = || AwsError::new(NO_ADDRESS, format!("insufficient free addresses in the subnet {subnet}."));
    let taker = taker(&cx.client, &*cx.random, &namespace, subnet, id).await?.ok_or_else(full)?;
    let chosen = chosen(request)?;
    for address in &chosen {
        if !taker.block.contains(*address) {
            let message = format!("Address {address} does not fall within the subnet's address range");
            return Err(AwsError::new("InvalidParameterValue", message).into());
        }
        if !taker.exactly(*address).await? {
            return Err(AwsError::new("InvalidIPAddress.InUse", format!("Address {address} is in use.")).into());
        }
    }
    let secondary = request.input["SecondaryPrivateIpAddressCount"].as_u64().unwrap_or(0);
    let any = secondary + u64::from(chosen.is_empty());
    let taken = futures::future::join_all((0..any).map(|_| taker.any())).await;
    for outcome in taken {
        outcome?.ok_or_else(full)?;
    }
    let patch = json!({"spec": {"addressCount": chosen.len() as u64 + any, "requestedAddresses": chosen}});
    cx.client.patch(NETWORK_INTERFACES, &namespace, id, "", patch).await?;
    Ok(())
}

/// The primary one first.
fn chosen(request: &Request) -> Result<Vec<Ipv4Addr>, AwsError> {
    let listed: Vec<&Doc> = request.input["PrivateIpAddresses"].as_array().into_iter().flatten().collect();
    let primary = listed.iter().filter(|one| one["Primary"] == true);
    let rest = listed.iter().filter(|one| one["Primary"] != true);
    let texts = request.text("PrivateIpAddress").into_iter();
    let texts = texts.chain(primary.chain(rest).filter_map(|one| one["PrivateIpAddress"].as_str()));
    let invalid = |text: &str| AwsError::new("InvalidParameterValue", format!("invalid value for parameter address: {text}"));
    texts.map(|text| text.parse().map_err(|_| invalid(text))).collect()
}

async fn delete(cx: &Cx, request: &Request, id: &str) -> Result<(), Failure> {
    gone_is_done(cx.client.delete(NETWORK_INTERFACES, &request.namespace(), id, DeleteOptions::default()).await)
}
