//! Which address belongs to whom, decided purely.

use crate::source::{Interface, Limits};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;

/// What a pod sandbox has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    pub address: Ipv4Addr,
    pub device_index: u32,
}

/// What must outlive the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    pub interfaces: Vec<Interface>,
    /// By the id of the sandbox.
    pub sandboxes: BTreeMap<String, Place>,
}

/// How to get more addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Growth {
    Assign {
        interface: String,
        count: u32,
    },
    Attach {
        device_index: u32,
        count: u32,
    },
    /// The instance type holds no more.
    Full,
}

/// The ledger, and the free addresses: the one that has been free for longest comes first, so that an address rests before
/// somebody else has it (where the VPC CNI waits 30 seconds).
#[derive(Debug, Default)]
pub struct Pool {
    ledger: Ledger,
    free: VecDeque<Place>,
}

impl Pool {
    pub fn new(ledger: Ledger) -> Self {
        let mut pool = Self { ledger, free: VecDeque::new() };
        pool.note_free();
        pool
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub fn interface(&self, device_index: u32) -> Option<&Interface> {
        self.ledger.interfaces.iter().find(|interface| interface.device_index == device_index)
    }

    /// What EC2 says there is. An address that it took back is no longer given out.
    pub fn set_interfaces(&mut self, interfaces: Vec<Interface>) {
        self.ledger.interfaces = interfaces;
        let known: BTreeSet<Ipv4Addr> = self.secondary().map(|place| place.address).collect();
        self.free.retain(|place| known.contains(&place.address));
        self.note_free();
    }

    pub fn add_addresses(&mut self, interface: &str, addresses: Vec<Ipv4Addr>) {
        if let Some(interface) = self.ledger.interfaces.iter_mut().find(|known| known.id == interface) {
            interface.secondary.extend(addresses);
        }
        self.note_free();
    }

    pub fn add_interface(&mut self, interface: Interface) {
        self.ledger.interfaces.retain(|known| known.id != interface.id);
        self.ledger.interfaces.push(interface);
        self.note_free();
    }

    /// What the sandbox has, or one that is free.
    pub fn assign(&mut self, sandbox: &str) -> Option<Place> {
        if let Some(place) = self.ledger.sandboxes.get(sandbox) {
            return Some(place.clone());
        }
        let place = self.free.pop_front()?;
        self.ledger.sandboxes.insert(sandbox.to_owned(), place.clone());
        Some(place)
    }

    pub fn release(&mut self, sandbox: &str) {
        if self.ledger.sandboxes.remove(sandbox).is_some() {
            self.note_free();
        }
    }

    pub fn is_exhausted(&self) -> bool {
        self.free.is_empty()
    }

    pub fn growth(&self, limits: Limits) -> Growth {
        let wanted = limits.secondary_per_interface();
        for interface in &self.ledger.interfaces {
            let has = u32::try_from(interface.secondary.len()).unwrap_or(u32::MAX);
            if has < wanted {
                return Growth::Assign { interface: interface.id.clone(), count: wanted - has };
            }
        }
        let used: BTreeSet<u32> = self.ledger.interfaces.iter().map(|interface| interface.device_index).collect();
        match (0..limits.interfaces).find(|index| !used.contains(index)) {
            Some(device_index) => Growth::Attach { device_index, count: wanted },
            None => Growth::Full,
        }
    }

    fn secondary(&self) -> impl Iterator<Item = Place> {
        self.ledger.interfaces.iter().flat_map(|interface| {
            let device_index = interface.device_index;
            interface.secondary.iter().map(move |address| Place { address: *address, device_index })
        })
    }

    /// Queues what is neither given out nor queued.
    fn note_free(&mut self) {
        let given = self.ledger.sandboxes.values().chain(&self.free).map(|place| place.address);
        let given: BTreeSet<Ipv4Addr> = given.collect();
        let new: Vec<Place> = self.secondary().filter(|place| !given.contains(&place.address)).collect();
        self.free.extend(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { interfaces: 2, addresses_per_interface: 3 };

    fn interface(device_index: u32, secondary: &[u8]) -> Interface {
        Interface {
            id: format!("eni-{device_index}"),
            device_index,
            subnet: "10.0.0.0/20".parse().expect("a subnet"),
            primary: Ipv4Addr::new(10, 0, 0, 4),
            secondary: secondary.iter().map(|last| Ipv4Addr::new(10, 0, 1, *last)).collect(),
        }
    }

    fn address(place: Option<Place>) -> Option<u8> {
        place.map(|place| place.address.octets()[3])
    }

    #[test]
    fn the_address_that_rested_longest_comes_first() {
        let mut pool = Pool::new(Ledger { interfaces: vec![interface(0, &[1, 2])], ..Ledger::default() });
        assert_eq!(address(pool.assign("a")), Some(1));
        assert_eq!(address(pool.assign("a")), Some(1), "a sandbox keeps what it has");
        pool.release("a");
        assert_eq!(address(pool.assign("b")), Some(2));
        assert_eq!(address(pool.assign("c")), Some(1));
        assert_eq!((address(pool.assign("d")), pool.is_exhausted()), (None, true));
    }

    #[test]
    fn a_restart_keeps_what_is_given_out() {
        let mut pool = Pool::new(Ledger { interfaces: vec![interface(0, &[1, 2, 3])], ..Ledger::default() });
        pool.assign("a");
        let mut pool = Pool::new(pool.ledger().clone());
        assert_eq!(address(pool.assign("b")), Some(2));
        pool.set_interfaces(vec![interface(0, &[1, 2, 4])]);
        assert_eq!((address(pool.assign("c")), address(pool.assign("d"))), (Some(4), None));
    }

    #[test]
    fn interfaces_are_filled_then_added() {
        let grow = |interfaces: Vec<Interface>| Pool::new(Ledger { interfaces, ..Ledger::default() }).growth(LIMITS);
        let assign = |interface: &str, count| Growth::Assign { interface: interface.into(), count };
        for (interfaces, expected) in [
            (vec![interface(0, &[])], assign("eni-0", 2)),
            (vec![interface(0, &[1])], assign("eni-0", 1)),
            (vec![interface(0, &[1, 2])], Growth::Attach { device_index: 1, count: 2 }),
            (vec![interface(0, &[1, 2]), interface(1, &[])], assign("eni-1", 2)),
            (vec![interface(0, &[1, 2]), interface(1, &[3, 4])], Growth::Full),
        ] {
            assert_eq!(grow(interfaces), expected);
        }
        let mut pool = Pool::new(Ledger { interfaces: vec![interface(0, &[])], ..Ledger::default() });
        pool.add_addresses("eni-0", vec![Ipv4Addr::new(10, 0, 1, 7)]);
        pool.add_interface(interface(1, &[8]));
        assert_eq!((address(pool.assign("a")), address(pool.assign("b"))), (Some(7), Some(8)));
    }
}
