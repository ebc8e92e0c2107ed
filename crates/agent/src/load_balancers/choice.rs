//! Which targets get the traffic of a load balancer's address, decided purely.

use super::health::State;
use super::records::{Listener, LoadBalancer, Protocol, Target, TargetGroup};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Where a target takes traffic of its group; what its health is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Backend {
    /// The record of the target group.
    pub group: String,
    pub address: Ipv4Addr,
    pub port: u16,
}

/// One port of one of a load balancer's addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Front {
    pub address: Ipv4Addr,
    pub protocol: Protocol,
    pub port: u16,
}

/// How the traffic of a front is spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The record of the listener.
    pub listener: String,
    pub zone: String,
    /// Never empty: what has nobody behind it is refused by the router itself.
    pub backends: BTreeSet<Backend>,
    pub sticky: bool,
    /// Targets see the front's address instead of the client's.
    pub hides_client: bool,
}

/// Everything that the load balancers of a VPC are to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub fronts: BTreeMap<Front, Spread>,
    /// Addresses by name: those that have somebody behind them, or all.
    pub names: BTreeMap<String, Vec<Ipv4Addr>>,
}

/// All that a choice may look at.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub balancers: Vec<LoadBalancer>,
    pub groups: BTreeMap<String, TargetGroup>,
    pub health: BTreeMap<Backend, State>,
}

impl Target {
    pub fn backend(&self, group: &str) -> Option<Backend> {
        Some(Backend { group: group.to_owned(), address: self.address?, port: self.port })
    }
}

impl Seen {
    /// Target groups that a listener forwards to.
    pub fn used(&self) -> BTreeSet<&str> {
        self.balancers.iter().flat_map(|balancer| &balancer.listeners).map(|listener| &*listener.group).collect()
    }

    fn is_healthy(&self, backend: &Backend) -> bool {
        self.health.get(backend) == Some(&State::Healthy)
    }

    /// The backends that count: the healthy ones, or all where none is, as ELB fails open. With their zones.
    fn eligible<'a>(&self, group: &'a str, targets: &'a [Target]) -> (Vec<(Backend, Option<&'a str>)>, bool) {
        let all = targets.iter().filter_map(|target| Some((target.backend(group)?, target.zone.as_deref())));
        let all: Vec<_> = all.collect();
        let healthy: Vec<_> = all.iter().filter(|(backend, _)| self.is_healthy(backend)).cloned().collect();
        if healthy.is_empty() { (all, false) } else { (healthy, true) }
    }

    /// Who gets a listener's traffic in a zone, and whether the zone itself has somebody healthy.
    fn pick(&self, balancer: &LoadBalancer, listener: &Listener, zone: &str) -> (BTreeSet<Backend>, bool) {
        let Some(group) = self.groups.get(&listener.group) else { return Default::default() };
        let (eligible, healthy) = self.eligible(&listener.group, &group.targets);
        if group.cross_zone.unwrap_or(balancer.cross_zone) {
            return (eligible.into_iter().map(|(backend, _)| backend).collect(), healthy);
        }
        let near = eligible.iter().filter(|(_, at)| at.is_none_or(|at| at == zone));
        let near: BTreeSet<Backend> = near.map(|(backend, _)| backend.clone()).collect();
        if near.is_empty() {
            // Better another zone's than nobody: who is here already cannot be sent elsewhere by DNS.
            return (eligible.into_iter().map(|(backend, _)| backend).collect(), false);
        }
        (near, healthy)
    }
}

pub fn choose(seen: &Seen) -> Choice {
    let mut choice = Choice::default();
    for balancer in &seen.balancers {
        let healthy = fronts(seen, balancer, &mut choice.fronts);
        choice.names.extend(names(balancer, &healthy));
    }
    choice
}

/// Adds the balancer's fronts; says which of its zones have somebody healthy.
fn fronts<'a>(seen: &Seen, balancer: &'a LoadBalancer, fronts: &mut BTreeMap<Front, Spread>) -> BTreeSet<&'a str> {
    let mut healthy = BTreeSet::new();
    for listener in &balancer.listeners {
        let group = seen.groups.get(&listener.group);
        for (zone, address) in &balancer.zones {
            let (backends, has_healthy) = seen.pick(balancer, listener, zone);
            if has_healthy {
                healthy.insert(&**zone);
            }
            let Some(group) = group.filter(|_| !backends.is_empty()) else { continue };
            let spread = Spread {
                listener: listener.name.clone(),
                zone: zone.clone(),
                backends,
                sticky: group.sticky,
                hides_client: !group.preserve_client_ip,
            };
            for protocol in &listener.protocols {
                let front = Front { address: *address, protocol: *protocol, port: listener.port };
                fronts.insert(front, spread.clone());
            }
        }
    }
    healthy
}

/// The balancer's name, and one for each zone as ELB has them.
fn names(balancer: &LoadBalancer, healthy: &BTreeSet<&str>) -> Vec<(String, Vec<Ipv4Addr>)> {
    let serving = |zone: &str| healthy.is_empty() || healthy.contains(zone);
    let addresses = balancer.zones.iter().filter(|(zone, _)| serving(zone)).map(|(_, address)| *address);
    let name = balancer.dns_name.to_lowercase();
    let zonal = balancer.zones.iter().map(|(zone, address)| (format!("{zone}.{name}"), vec![*address]));
    let mut all: Vec<_> = zonal.collect();
    all.push((name, addresses.collect()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 50);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 50);

    /// `a1+ b1-`: zone, number of the target, health (`?` is not known yet); `*` is a target of all zones.
    fn seen(targets: &str, edit: impl FnOnce(&mut LoadBalancer, &mut TargetGroup)) -> Seen {
        let listener = |protocols: &[Protocol], port| Listener {
            name: format!("lb.{port}"),
            protocols: protocols.to_vec(),
            port,
            group: "group".into(),
        };
        let mut balancer = LoadBalancer {
            id: "lb".into(),
            dns_name: "Web-lb.elb.example".into(),
            loopback: None,
            cross_zone: false,
            zones: BTreeMap::from([("a".into(), A), ("b".into(), B)]),
            complete: true,
            listeners: vec![listener(&[Protocol::Tcp, Protocol::Udp], 53)],
        };
        let mut group = TargetGroup { preserve_client_ip: true, ..TargetGroup::default() };
        let mut health = BTreeMap::new();
        for word in targets.split_whitespace() {
            let number: u8 = word[1..2].parse().expect("a digit");
            let address = Some(Ipv4Addr::new(10, 0, 9, number));
            let zone = Some(word[..1].to_owned()).filter(|zone| zone != "*");
            let target = Target { id: format!("i-{number}"), port: 30080, address, zone };
            let state = match &word[2..] {
                "+" => State::Healthy,
                "-" => State::Unhealthy(super::super::health::Failure::Timeout),
                _ => State::Initial,
            };
            health.extend(target.backend("group").map(|backend| (backend, state)));
            group.targets.push(target);
        }
        edit(&mut balancer, &mut group);
        Seen { balancers: vec![balancer], groups: BTreeMap::from([("group".into(), group)]), health }
    }

    fn behind(choice: &Choice, address: Ipv4Addr) -> String {
        let front = Front { address, protocol: Protocol::Tcp, port: 53 };
        let backends = choice.fronts.get(&front).map(|spread| &spread.backends);
        backends.into_iter().flatten().map(|backend| backend.address.octets()[3].to_string()).collect()
    }

    #[test]
    fn who_gets_the_traffic() {
        // Behind the address in zone a, in zone b, and the zones that the name leads to.
        for (targets, cross_zone, a, b, named) in [
            ("a1+ a2+ b3+", false, "12", "3", "ab"),
            ("a1+ a2- b3+", false, "1", "3", "ab"),
            ("a1- a2- b3+", false, "3", "3", "b"),
            ("a1? b3+", false, "3", "3", "b"),
            ("a1+ b3+ *4+", false, "14", "34", "ab"),
            ("a1- a2- b3-", false, "12", "3", "ab"),
            ("a1? a2?", false, "12", "12", "ab"),
            ("a1+ a2+ b3+", true, "123", "123", "ab"),
            ("a1- a2- b3+", true, "3", "3", "ab"),
            ("a1- b3-", true, "13", "13", "ab"),
            ("", false, "", "", "ab"),
        ] {
            let choice = choose(&seen(targets, |balancer, _| balancer.cross_zone = cross_zone));
            let leads_to: String =
                choice.names["web-lb.elb.example"].iter().map(|address| if *address == A { 'a' } else { 'b' }).collect();
            let got = (behind(&choice, A), behind(&choice, B), leads_to);
            assert_eq!(got, (a.into(), b.into(), named.into()), "{targets:?} {cross_zone}");
        }
    }

    #[test]
    fn target_groups_have_the_last_word() {
        let choice = choose(&seen("a1+ b3+", |_, group| group.cross_zone = Some(true)));
        assert_eq!(behind(&choice, A), "13");
        let choice = choose(&seen("a1+ b3+", |balancer, group| {
            balancer.cross_zone = true;
            group.cross_zone = Some(false);
            group.sticky = true;
            group.preserve_client_ip = false;
        }));
        assert_eq!(behind(&choice, A), "1");
        let spread = choice.fronts.values().next().expect("one");
        assert!(spread.sticky && spread.hides_client);
    }

    #[test]
    fn every_protocol_and_zone_has_its_front() {
        let choice = choose(&seen("a1+", |_, _| ()));
        let fronts: Vec<(Ipv4Addr, Protocol)> = choice.fronts.keys().map(|front| (front.address, front.protocol)).collect();
        assert_eq!(fronts, [(A, Protocol::Tcp), (A, Protocol::Udp), (B, Protocol::Tcp), (B, Protocol::Udp)]);
        assert_eq!(choice.names["a.web-lb.elb.example"], [A]);
        let gone = choose(&seen("a1+", |_, group| group.targets[0].address = None));
        assert_eq!(gone.fronts, BTreeMap::new());
    }
}
