//! What to do about an interface, decided purely from what is there.

use crate::addresses::private_dns_name;
use crate::records::{ADDRESSES_FINALIZER, AGENT_ENI_FINALIZER};
use meta::Doc;
use serde_json::json;
use std::net::Ipv4Addr;

/// All that a decision may look at.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The NetworkInterface record.
    pub interface: Doc,
    /// Its claims, in the order in which they were made.
    pub claims: Vec<Ipv4Addr>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Take this many more, these first.
    Take {
        requested: Vec<Ipv4Addr>,
        count: usize,
    },
    GiveBack(Ipv4Addr),
    /// Forget what was to be given back.
    Released,
    /// Write the addresses as they then are.
    Project,
    /// Lets the record go.
    Release,
}

pub fn plan(seen: &Seen) -> Vec<Step> {
    let metadata = &seen.interface["metadata"];
    if metadata["deletionTimestamp"].is_null() {
        return present(seen);
    }
    if has_finalizer(&seen.interface, AGENT_ENI_FINALIZER) || !has_finalizer(&seen.interface, ADDRESSES_FINALIZER) {
        return Vec::new();
    }
    let back = seen.claims.iter().copied().map(Step::GiveBack);
    back.chain([Step::Release]).collect()
}

fn present(seen: &Seen) -> Vec<Step> {
    let spec = &seen.interface["spec"];
    let releasing = addresses(&spec["releasing"]);
    let mut steps: Vec<Step> = releasing.iter().copied().map(Step::GiveBack).collect();
    if !releasing.is_empty() {
        steps.push(Step::Released);
    }
    let kept = seen.claims.iter().filter(|claim| !releasing.contains(claim)).count();
    let wanted = usize::try_from(spec["addressCount"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
    if wanted > kept {
        let missing = |address: &Ipv4Addr| !seen.claims.contains(address) && !releasing.contains(address);
        let requested = addresses(&spec["requestedAddresses"]).into_iter().filter(missing).collect();
        steps.push(Step::Take { requested, count: wanted - kept });
    }
    steps.push(Step::Project);
    steps
}

/// The status that the claims make, without `realised`, which is the agent's. An address that was primary stays so.
pub fn status(interface: &Doc, claims: &[Ipv4Addr], region: &str) -> Doc {
    let spec = &interface["spec"];
    let requested = addresses(&spec["requestedAddresses"]);
    let before: Vec<Ipv4Addr> = interface["status"]["privateIpAddresses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["privateIpAddress"].as_str()?.parse().ok())
        .collect();
    let rank = |address: &Ipv4Addr| {
        let known = before.iter().position(|known| known == address).unwrap_or(usize::MAX);
        (known, requested.iter().position(|asked| asked == address).unwrap_or(usize::MAX))
    };
    let mut ordered = claims.to_vec();
    ordered.sort_by_key(rank);
    let shown = ordered.iter().enumerate().map(|(at, address)| {
        json!({"privateIpAddress": address, "primary": at == 0, "privateDnsName": private_dns_name(region, *address)})
    });
    // Until the agent has taken it off its host, an interface is not available.
    let used = spec["attachment"].is_object() || has_finalizer(interface, AGENT_ENI_FINALIZER);
    json!({"phase": if used { "InUse" } else { "Available" }, "privateIpAddresses": shown.collect::<Vec<_>>()})
}

pub fn addresses(list: &Doc) -> Vec<Ipv4Addr> {
    list.as_array().into_iter().flatten().filter_map(|address| address.as_str()?.parse().ok()).collect()
}

pub fn has_finalizer(record: &Doc, name: &str) -> bool {
    record["metadata"]["finalizers"].as_array().into_iter().flatten().any(|finalizer| finalizer == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    fn interface(deleting: bool, finalizers: &[&str], spec: Doc) -> Doc {
        json!({"metadata": {"deletionTimestamp": deleting.then_some("x"), "finalizers": finalizers}, "spec": spec})
    }

    #[test]
    fn addresses_follow_the_wanted_count() {
        for (spec, claims, expected) in [
            (json!({"addressCount": 0}), vec![], vec![Step::Project]),
            (json!({"addressCount": 2}), vec![], vec![Step::Take { requested: vec![], count: 2 }, Step::Project]),
            (json!({"addressCount": 2}), vec![4, 5], vec![Step::Project]),
            // Taken by a handler that has not come to raise the count.
            (json!({"addressCount": 1}), vec![4, 5], vec![Step::Project]),
            (
                json!({"addressCount": 2, "requestedAddresses": ["10.0.0.9", "10.0.0.4"]}),
                vec![4],
                vec![Step::Take { requested: vec![ip(9)], count: 1 }, Step::Project],
            ),
            (
                json!({"addressCount": 1, "releasing": ["10.0.0.5"]}),
                vec![4, 5],
                vec![Step::GiveBack(ip(5)), Step::Released, Step::Project],
            ),
        ] {
            let claims = claims.into_iter().map(ip).collect();
            let seen = Seen { interface: interface(false, &[ADDRESSES_FINALIZER], spec.clone()), claims };
            assert_eq!(plan(&seen), expected, "{spec}");
        }
    }

    #[test]
    fn nothing_is_given_back_before_the_host_has_let_go() {
        let spec = json!({"addressCount": 1});
        let seen = |finalizers: &[&str]| Seen { interface: interface(true, finalizers, spec.clone()), claims: vec![ip(4)] };
        assert_eq!(plan(&seen(&[ADDRESSES_FINALIZER, AGENT_ENI_FINALIZER])), []);
        assert_eq!(plan(&seen(&[ADDRESSES_FINALIZER])), [Step::GiveBack(ip(4)), Step::Release]);
        assert_eq!(plan(&seen(&[])), []);
    }

    #[test]
    fn the_primary_address_stays_primary() {
        let mut record = interface(false, &[], json!({"requestedAddresses": ["10.0.0.7"], "attachment": {"instanceId": "i"}}));
        let shown = |status: &Doc| -> Vec<String> {
            let list = status["privateIpAddresses"].as_array().cloned().unwrap_or_default();
            list.iter().map(|one| format!("{} {}", one["privateIpAddress"], one["primary"])).collect()
        };
        let first = status(&record, &[ip(4), ip(7)], "us-east-1");
        assert_eq!(shown(&first), ["\"10.0.0.7\" true", "\"10.0.0.4\" false"]);
        assert_eq!(first["phase"], "InUse");
        record["status"] = first;
        record["spec"] = json!({});
        let second = status(&record, &[ip(2), ip(4), ip(7)], "us-east-1");
        assert_eq!(shown(&second), ["\"10.0.0.7\" true", "\"10.0.0.4\" false", "\"10.0.0.2\" false"]);
        assert_eq!(second["phase"], "Available");
    }
}
