//! The loopback addresses by which a host reaches its load balancers.

use crate::records::{API_VERSION, LOOPBACK_ADDRESSES};
use aws_service::records::{ensure, ensure_namespace};
use client::{Client, DeleteOptions};
use meta::Status;
use reconcile::gone_is_done;
use serde_json::json;
use std::net::Ipv4Addr;

/// 127.96.0.0/11: the half of 127.64.0.0/10 that clusters leave to load balancers.
const BASE: u32 = 0x7f60_0000;
const BITS: u32 = 21;
/// Addresses looked at; that so many in a row are taken means that something else is wrong.
const TRIES: u32 = 256;

/// Where the search for an id's address goes: the same way each time, so that what was cut short is found again.
fn candidates(id: &str) -> impl Iterator<Item = Ipv4Addr> {
    let seed = id.bytes().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let hosts = (0..TRIES).map(move |step| seed.wrapping_add(step) % (1 << BITS));
    // Neither .0 nor .255 at the end: some tools take them for networks.
    hosts.filter(|host| !matches!(host & 0xff, 0 | 0xff)).map(|host| Ipv4Addr::from(BASE | host))
}

/// A host has its addresses once, for all accounts and regions.
fn namespace_of(host: &str) -> String {
    format!("host-{host}")
}

/// The address that is this load balancer's from now on.
pub async fn take(client: &Client, host: &str, id: &str) -> Result<Option<Ipv4Addr>, Status> {
    let namespace = &namespace_of(host);
    ensure_namespace(client, namespace).await?;
    for address in candidates(id) {
        let name = address.to_string();
        let claim = json!({
            "apiVersion": API_VERSION, "kind": "LoopbackAddress", "metadata": {"name": name}, "spec": {"loadBalancer": id},
        });
        if ensure(client, LOOPBACK_ADDRESSES, namespace, claim).await? {
            return Ok(Some(address));
        }
        let owner = client.find(LOOPBACK_ADDRESSES, namespace, &name).await?.map(|claim| claim.get("/spec/loadBalancer"));
        if owner.is_some_and(|owner| owner == *id) {
            return Ok(Some(address));
        }
    }
    Ok(None)
}

pub async fn give_back(client: &Client, host: &str, address: &str, id: &str) -> Result<(), Status> {
    let namespace = &namespace_of(host);
    let Some(claim) = client.find(LOOPBACK_ADDRESSES, namespace, address).await? else { return Ok(()) };
    if claim.get("/spec/loadBalancer") != *id {
        return Ok(());
    }
    gone_is_done(client.delete(LOOPBACK_ADDRESSES, namespace, address, DeleteOptions::default()).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_loopback_addresses_of_hosts() {
        for id in ["0123456789abcdef", "ffffffffffffffff", ""] {
            let found: Vec<Ipv4Addr> = candidates(id).collect();
            assert_eq!(found, candidates(id).collect::<Vec<_>>());
            assert!(found.len() > 250);
            for address in found {
                let [first, second, _, last] = address.octets();
                assert!(first == 127 && (96..128).contains(&second) && !matches!(last, 0 | 255), "{address}");
            }
        }
    }
}
