//! Connections that end although nobody has closed them: those of targets that have become unhealthy, or that were taken out
//! and had their time. The router forgets them; what still comes of one is looked at as the first packet of another, which a
//! new target takes up, when it is a datagram, or refuses.

use super::choice::{Choice, Front, Seen};
use super::health::State;
use super::records::{Listener, Protocol, TargetGroup};
use super::router::Router;
use super::status::Report;
use super::table::TableError;
use crate::vpc::text;
use meta::Doc;
use node_os::conntrack::{self, Flow};
use node_os::nft;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

type Place = (Ipv4Addr, u16);

/// Whose connections end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    These(BTreeSet<Place>),
    AllBut(BTreeSet<Place>),
}

/// By what clients have connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endings(BTreeMap<Front, Ended>);

/// `reports` by target group.
pub fn endings(seen: &Seen, choice: &Choice, reports: &BTreeMap<String, Report>) -> Endings {
    let mut endings = BTreeMap::new();
    for (balancer, listener) in seen.balancers.iter().flat_map(|one| one.listeners.iter().map(move |listener| (one, listener))) {
        let Some(group) = seen.groups.get(&listener.group) else { continue };
        let targets = Targets::of(seen, listener, group, reports.get(&listener.group));
        for (address, protocol) in balancer.zones.values().flat_map(|at| listener.protocols.iter().map(move |one| (at, one))) {
            let front = Front { address: *address, protocol: *protocol, port: listener.port };
            let chosen = choice.fronts.get(&front).map(|spread| &spread.backends).into_iter().flatten();
            let chosen: BTreeSet<Place> = chosen.map(|backend| (backend.address, backend.port)).collect();
            let ended = match group.ends_with_delay {
                true => Ended::AllBut(&targets.kept | &chosen),
                false => Ended::These(&targets.lost - &chosen),
            };
            endings.insert(front, ended);
        }
    }
    Endings(endings)
}

#[derive(Default)]
struct Targets {
    kept: BTreeSet<Place>,
    lost: BTreeSet<Place>,
}

impl Targets {
    fn of(seen: &Seen, listener: &Listener, group: &TargetGroup, report: Option<&Report>) -> Self {
        let mut targets = Self::default();
        for backend in group.targets.iter().filter_map(|target| target.backend(&listener.group)) {
            let place = (backend.address, backend.port);
            let lost = group.ends_with_health && matches!(seen.health.get(&backend), Some(State::Unhealthy(_)));
            if lost {
                targets.lost.insert(place)
            } else {
                targets.kept.insert(place)
            };
        }
        let told = report.into_iter().flat_map(|report| &report.targets);
        let draining = told.filter(|target| text(target, "/state") == "draining");
        let place = |target: &Doc| Some((text(target, "/address").parse().ok()?, target["port"].as_u64()?.try_into().ok()?));
        targets.kept.extend(draining.filter_map(place));
        targets
    }
}

impl Endings {
    fn is_ended(&self, flow: &Flow, protocol: Protocol) -> bool {
        let (address, port) = flow.original.destination;
        match self.0.get(&Front { address, protocol, port }) {
            None => false,
            Some(Ended::These(places)) => places.contains(&flow.reply.source),
            Some(Ended::AllBut(places)) => !places.contains(&flow.reply.source),
        }
    }
}

/// What has ended already, by VPC: the number of the router's namespace, and what was carried out there.
#[derive(Default)]
pub struct Flows(Mutex<HashMap<String, (u64, Endings)>>);

impl Flows {
    /// After the rules have changed: nothing new leads where connections end.
    pub async fn end(&self, vpc: &str, router: &Router, endings: Endings) -> Result<(), TableError> {
        if endings.0.is_empty() {
            self.0.lock().remove(vpc);
            return Ok(());
        }
        let next = (router.inode, endings);
        if self.0.lock().get(vpc) == Some(&next) {
            return Ok(());
        }
        let (namespace, wanted) = (router.namespace.clone(), next.1.clone());
        let deleting = move || {
            [(Protocol::Tcp, nft::Protocol::Tcp), (Protocol::Udp, nft::Protocol::Udp)]
                .into_iter()
                .try_for_each(|(own, number)| conntrack::delete(&namespace, number as u8, |flow| wanted.is_ended(flow, own)))
        };
        let deleted = tokio::task::spawn_blocking(deleting).await;
        deleted?.map_err(TableError::Connections)?;
        self.0.lock().insert(vpc.to_owned(), next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::choice::choose;
    use super::super::health::Failure;
    use super::super::records::{LoadBalancer, Target};
    use super::*;
    use node_os::conntrack::Tuple;
    use serde_json::json;

    const FRONT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 50);

    fn target(number: u8) -> Target {
        Target { id: number.to_string(), port: 53, address: Some(Ipv4Addr::new(10, 0, 9, number)), zone: None }
    }

    /// Numbers of targets: healthy `+` or not `-`; `!` was taken out and drains.
    fn seen(targets: &str, edit: impl FnOnce(&mut TargetGroup)) -> (Seen, BTreeMap<String, Report>) {
        let listener = Listener { name: "lb.1".into(), protocols: vec![Protocol::Udp], port: 53, group: "g".into() };
        let balancer = LoadBalancer {
            id: "lb".into(),
            dns_name: String::new(),
            loopback: None,
            cross_zone: true,
            zones: BTreeMap::from([("a".into(), FRONT)]),
            complete: true,
            listeners: vec![listener],
        };
        let (mut group, mut draining) = (TargetGroup { ends_with_health: true, ..TargetGroup::default() }, Vec::new());
        let mut seen = Seen { balancers: vec![balancer], ..Seen::default() };
        for word in targets.split_whitespace() {
            let one = target(word[..1].parse().expect("a digit"));
            let state = match &word[1..] {
                "+" => State::Healthy,
                "-" => State::Unhealthy(Failure::Timeout),
                _ => {
                    draining.push(json!({"id": one.id, "port": 53, "address": one.address, "state": "draining"}));
                    continue;
                }
            };
            seen.health.extend(one.backend("g").map(|backend| (backend, state)));
            group.targets.push(one);
        }
        edit(&mut group);
        seen.groups.insert("g".into(), group);
        (seen, BTreeMap::from([("g".into(), Report { targets: draining, next: None })]))
    }

    fn flow(destination: Ipv4Addr, target: u8) -> Flow {
        let client = (Ipv4Addr::new(10, 0, 1, 4), 40_000);
        let answering = (Ipv4Addr::new(10, 0, 9, target), 53);
        Flow {
            protocol: 17,
            original: Tuple { source: client, destination: (destination, 53) },
            reply: Tuple { source: answering, destination: client },
        }
    }

    #[test]
    fn whose_connections_end() {
        let as_it_is: fn(&mut TargetGroup) = |_| ();
        // Of the connections to targets 1 to 4.
        for (targets, edit, expected) in [
            ("1+ 2+", as_it_is, ""),
            ("1+ 2-", as_it_is, "2"),
            ("1- 2-", as_it_is, ""),
            ("1+ 2-", |group| group.ends_with_health = false, ""),
            ("1+ 2- 3!", |group| group.ends_with_delay = true, "24"),
            ("1+ 2- 3!", as_it_is, "2"),
            ("1- 2- 3!", |group| group.ends_with_delay = true, "4"),
        ] {
            let (seen, reports) = seen(targets, edit);
            let endings = endings(&seen, &choose(&seen), &reports);
            let ended = (1..=4).filter(|number| endings.is_ended(&flow(FRONT, *number), Protocol::Udp));
            assert_eq!(ended.map(|number| number.to_string()).collect::<String>(), expected, "{targets}");
            assert!(!endings.is_ended(&flow(FRONT, 2), Protocol::Tcp), "another protocol's");
            assert!(!endings.is_ended(&flow(Ipv4Addr::new(10, 0, 9, 2), 2), Protocol::Udp), "past the load balancer");
        }
    }
}
