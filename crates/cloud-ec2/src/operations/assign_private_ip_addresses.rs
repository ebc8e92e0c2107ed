//! AssignPrivateIpAddresses: all of them or none.

use crate::addresses::{Taker, give_back};
use crate::describe::refuse_dry_run;
use crate::interfaces::{NO_ADDRESS, limit_of, project, taker};
use crate::lookup;
use crate::records::NETWORK_INTERFACES;
use crate::service::Cx;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use aws_wire::AwsError;
use meta::{Doc, Status};
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    if ["Ipv4PrefixCount", "Ipv4Prefixes"].iter().any(|member| !request.input[*member].is_null()) {
        return Err(AwsError::new("UnsupportedOperation", "Prefixes are not supported by this installation of EC2.").into());
    }
    let id = request.required("NetworkInterfaceId");
    let interface = lookup::interface(&cx, &request, id).await?;
    lookup::check_own(&interface)?;
    let wanted = Wanted::of(&request)?;
    check_limit(&cx, &request, &interface, wanted.count()).await?;
    let namespace = request.namespace();
    let subnet = interface["spec"]["subnetId"].as_str().unwrap_or_default();
    let taker = taker(&cx.client, &*cx.random, &namespace, subnet, id).await?;
    let taker =
        taker.ok_or_else(|| AwsError::new("InvalidSubnetID.NotFound", format!("The subnet ID '{subnet}' does not exist")))?;
    let taken = take(&taker, &wanted).await?;
    let more = taken.len() as u64;
    let raised = amend(&cx.client, NETWORK_INTERFACES, &namespace, id, |record| -> Result<Option<Doc>, Failure> {
        let before = record["spec"]["addressCount"].as_u64().unwrap_or(0);
        // One that comes back before it has gone is not to go any more.
        let releasing = record["spec"]["releasing"].as_array().into_iter().flatten();
        let back = |address: &&Doc| taken.iter().any(|taken| **address == taken.to_string());
        let releasing: Vec<&Doc> = releasing.filter(|address| !back(address)).collect();
        Ok(Some(json!({"spec": {"addressCount": before + more, "releasing": releasing}})))
    })
    .await;
    if let Err(failure) = raised {
        undo(&taker, &taken).await?;
        return Err(failure);
    }
    project(&cx.client, &namespace, id).await?;
    let shown: Vec<Doc> = taken.iter().map(|address| json!({"PrivateIpAddress": address})).collect();
    Ok(json!({"NetworkInterfaceId": id, "AssignedPrivateIpAddresses": shown, "AssignedIpv4Prefixes": []}))
}

enum Wanted {
    Any(usize),
    These(Vec<Ipv4Addr>),
}

impl Wanted {
    fn of(request: &Request) -> Result<Self, AwsError> {
        let named = request.texts("PrivateIpAddresses");
        let count = request.input["SecondaryPrivateIpAddressCount"].as_u64();
        match (named.is_empty(), count) {
            (true, Some(count @ 1..)) => Ok(Self::Any(usize::try_from(count).unwrap_or(usize::MAX))),
            (false, None) => {
                let address = |text: &&str| {
                    let invalid =
                        || AwsError::new("InvalidParameterValue", format!("invalid value for parameter address: {text}"));
                    text.parse().map_err(|_| invalid())
                };
                Ok(Self::These(named.iter().map(address).collect::<Result<_, _>>()?))
            }
            (false, Some(_)) => Err(AwsError::new(
                "InvalidParameterCombination",
                "You may not specify both private IP addresses and a secondary private IP address count",
            )),
            (true, _) => Err(AwsError::new(
                "MissingParameter",
                "Either a secondary private IP address count or private IP addresses must be specified",
            )),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Any(count) => *count,
            Self::These(addresses) => addresses.len(),
        }
    }
}

async fn check_limit(cx: &Cx, request: &Request, interface: &Doc, more: usize) -> Result<(), Failure> {
    let Some(limit) = limit_of(cx, request, interface).await? else { return Ok(()) };
    let present = interface["status"]["privateIpAddresses"].as_array().map_or(0, Vec::len);
    if present.saturating_add(more) as u64 <= limit {
        return Ok(());
    }
    let id = request.required("NetworkInterfaceId");
    let message = format!("Number of private addresses will exceed limit for interface {id}.");
    Err(AwsError::new("PrivateIpAddressLimitExceeded", message).into())
}

async fn take(taker: &Taker<'_>, wanted: &Wanted) -> Result<Vec<Ipv4Addr>, Failure> {
    let mut taken = Vec::new();
    let outcome = match wanted {
        Wanted::Any(count) => any(taker, *count, &mut taken).await,
        Wanted::These(addresses) => these(taker, addresses, &mut taken).await,
    };
    if let Err(failure) = outcome {
        undo(taker, &taken).await?;
        return Err(failure);
    }
    Ok(taken)
}

async fn any(taker: &Taker<'_>, count: usize, taken: &mut Vec<Ipv4Addr>) -> Result<(), Failure> {
    // Side by side: each claim is a durable write, and these share one.
    let outcomes = futures::future::join_all((0..count).map(|_| taker.any())).await;
    let mut failure: Option<Failure> = None;
    for outcome in outcomes {
        match outcome {
            Ok(Some(address)) => taken.push(address),
            Ok(None) => failure = Some(exhausted(taker.subnet_id).into()),
            Err(status) => failure = Some(status.into()),
        }
    }
    failure.map_or(Ok(()), Err)
}

async fn these(taker: &Taker<'_>, addresses: &[Ipv4Addr], taken: &mut Vec<Ipv4Addr>) -> Result<(), Failure> {
    for address in addresses {
        if !taker.block.contains(*address) {
            let message = format!("Address {address} does not fall within the subnet's address range");
            return Err(AwsError::new("InvalidParameterValue", message).into());
        }
        if !taker.exactly(*address).await? {
            let message = format!("[{address}] have already been assigned");
            return Err(AwsError::new("PrivateIpAddressInUse", message).into());
        }
        taken.push(*address);
    }
    Ok(())
}

fn exhausted(subnet: &str) -> AwsError {
    AwsError::new(NO_ADDRESS, format!("insufficient free addresses in the subnet {subnet}."))
}

async fn undo(taker: &Taker<'_>, taken: &[Ipv4Addr]) -> Result<(), Status> {
    for address in taken {
        give_back(taker.client, taker.namespace, taker.subnet_id, taker.interface_id, *address).await?;
    }
    Ok(())
}
