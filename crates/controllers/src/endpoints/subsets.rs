//! `subsets` of Endpoints in their one canonical form (kubernetes `pkg/api/v1/endpoints/util.go`).

use meta::Doc;
use serde_json::json;
use std::collections::BTreeMap;

/// `maxCapacity`: how many addresses an object holds before it is cut.
const MAX_ADDRESSES: usize = 1000;

/// An address is one of its IP and of the pod behind it.
type AddressKey = (String, String);
/// Which addresses offer a port, and whether they are ready.
type Offering = BTreeMap<AddressKey, bool>;

#[derive(Default)]
pub(crate) struct Subsets {
    addresses: BTreeMap<AddressKey, Doc>,
    /// By port as text; the empty text stands for no port.
    ports: BTreeMap<String, (Option<Doc>, Offering)>,
}

impl Subsets {
    pub fn of(subsets: &Doc) -> Self {
        let items = |doc: &Doc| doc.as_array().cloned().unwrap_or_default();
        let mut all = Self::default();
        for subset in items(subsets) {
            let ports = items(&subset["ports"]);
            let ports = if ports.is_empty() { vec![None] } else { ports.into_iter().map(Some).collect() };
            for (field, ready) in [("addresses", true), ("notReadyAddresses", false)] {
                for address in items(&subset[field]) {
                    ports.iter().for_each(|port| all.add(&address, port.as_ref(), ready));
                }
            }
        }
        all
    }

    /// Not ready trumps ready.
    pub fn add(&mut self, address: &Doc, port: Option<&Doc>, ready: bool) {
        let text = |doc: &Doc| doc.as_str().unwrap_or_default().to_owned();
        let key = (text(&address["ip"]), text(&address["targetRef"]["uid"]));
        self.addresses.entry(key.clone()).or_insert_with(|| address.clone());
        let port_key = port.map(Doc::to_string).unwrap_or_default();
        let (_, offering) = self.ports.entry(port_key).or_insert_with(|| (port.cloned(), Offering::new()));
        offering.entry(key).and_modify(|was| *was &= ready).or_insert(ready);
    }

    /// Ports that the same addresses offer share a subset.
    pub fn pack(&self) -> Vec<Doc> {
        let mut by_addresses: BTreeMap<Vec<(&AddressKey, bool)>, Vec<&Doc>> = BTreeMap::new();
        for (port, offering) in self.ports.values() {
            let addresses = offering.iter().map(|(key, ready)| (key, *ready)).collect();
            by_addresses.entry(addresses).or_default().extend(port);
        }
        by_addresses.into_iter().map(|(addresses, ports)| self.subset(&addresses, ports)).collect()
    }

    fn subset(&self, addresses: &[(&AddressKey, bool)], ports: Vec<&Doc>) -> Doc {
        let of = |wanted: bool| -> Vec<&Doc> {
            addresses.iter().filter(|(_, ready)| *ready == wanted).map(|(key, _)| &self.addresses[*key]).collect()
        };
        let mut subset = json!({});
        for (field, list) in [("addresses", of(true)), ("notReadyAddresses", of(false)), ("ports", ports)] {
            if !list.is_empty() {
                subset[field] = json!(list);
            }
        }
        subset
    }
}

/// Cuts to what an object may hold: ready addresses last, each subset in proportion. True if anything was cut.
pub(super) fn truncate(subsets: &mut [Doc]) -> bool {
    let count = |subset: &Doc, field: &str| subset[field].as_array().map_or(0, Vec::len);
    let total = |field: &str| subsets.iter().map(|subset| count(subset, field)).sum::<usize>();
    let (ready, not_ready) = (total("addresses"), total("notReadyAddresses"));
    if ready + not_ready <= MAX_ADDRESSES {
        return false;
    }
    let (field, total, room) = match ready > MAX_ADDRESSES {
        true => ("addresses", ready, MAX_ADDRESSES),
        false => ("notReadyAddresses", not_ready, MAX_ADDRESSES - ready),
    };
    let mut left = room;
    for subset in subsets {
        let share = (count(subset, field) * room).div_ceil(total).min(left);
        if let Some(addresses) = subset.get_mut(field).and_then(Doc::as_array_mut) {
            addresses.truncate(share);
            left -= addresses.len();
        }
        if let Some(map) = subset.as_object_mut().filter(|_| field == "addresses") {
            map.remove("notReadyAddresses");
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(ips: &[&str]) -> Vec<Doc> {
        ips.iter().map(|ip| json!({ "ip": ip })).collect()
    }

    fn subset(ready: &[&str], not_ready: &[&str], ports: &[i64]) -> Doc {
        let ports = ports.iter().map(|number| json!({ "port": number })).collect();
        let lists = [("addresses", addresses(ready)), ("notReadyAddresses", addresses(not_ready)), ("ports", ports)];
        lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(field, list)| (field.to_owned(), Doc::Array(list))).collect()
    }

    #[test]
    fn subsets_have_one_form() {
        for (given, expected) in [
            (vec![], vec![]),
            (vec![subset(&["2", "1"], &[], &[80])], vec![subset(&["1", "2"], &[], &[80])]),
            (vec![subset(&["1"], &[], &[80]), subset(&["1"], &[], &[81])], vec![subset(&["1"], &[], &[80, 81])]),
            (vec![subset(&["1"], &[], &[80]), subset(&["2"], &[], &[80])], vec![subset(&["1", "2"], &[], &[80])]),
            (vec![subset(&["1"], &[], &[80]), subset(&[], &["1"], &[80])], vec![subset(&[], &["1"], &[80])]),
            (
                vec![subset(&["1", "2"], &[], &[80]), subset(&["1"], &[], &[81])],
                vec![subset(&["1"], &[], &[81]), subset(&["1", "2"], &[], &[80])],
            ),
            (vec![subset(&["1"], &["2"], &[])], vec![subset(&["1"], &["2"], &[])]),
        ] {
            assert_eq!(Subsets::of(&json!(given)).pack(), expected, "{given:?}");
        }
    }

    #[test]
    fn ready_addresses_are_cut_last() {
        for (given, expected, cut) in [
            (&[(500, 500)][..], &[(500, 500)][..], false),
            (&[(600, 600)], &[(600, 400)], true),
            (&[(1200, 10)], &[(1000, 0)], true),
            (&[(900, 0), (900, 5)], &[(500, 0), (500, 0)], true),
            (&[(400, 300), (400, 600)], &[(400, 67), (400, 133)], true),
        ] {
            let mut subsets: Vec<Doc> =
                given.iter().map(|(ready, not_ready)| subset(&vec!["1"; *ready], &vec!["2"; *not_ready], &[])).collect();
            assert_eq!(truncate(&mut subsets), cut);
            let count = |subset: &Doc, field: &str| subset[field].as_array().map_or(0, Vec::len);
            let has: Vec<_> = subsets.iter().map(|s| (count(s, "addresses"), count(s, "notReadyAddresses"))).collect();
            assert_eq!(has, expected, "{given:?}");
        }
    }
}
