//! Which endpoints this node sends to. Follows kubernetes `pkg/proxy/topology.go`.

use crate::endpoint::{Endpoint, Place};
use crate::service::ServicePort;
use std::collections::BTreeMap;

/// Where this node is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Here {
    pub node: String,
    pub zone: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Categories {
    pub cluster: Vec<Place>,
    pub local: Vec<Place>,
    /// Somewhere there is one, even if this node may not send to it.
    pub any: bool,
}

impl Categories {
    /// Each place once.
    pub fn reachable(&self) -> Vec<Place> {
        let mut all: Vec<Place> = self.cluster.iter().chain(&self.local).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

enum Mode {
    Everywhere,
    SameZone,
    SameNode,
}

impl Mode {
    fn allows(&self, endpoint: &Endpoint, here: &Here) -> bool {
        match self {
            Self::Everywhere => true,
            Self::SameZone => endpoint.zone_hints.contains(&here.zone),
            Self::SameNode => endpoint.node_hints.contains(&here.node),
        }
    }
}

/// Hints count only if every ready endpoint has one, and one of them is for here.
fn mode(endpoints: &BTreeMap<Place, Endpoint>, here: &Here) -> Mode {
    let ready = || endpoints.values().filter(|endpoint| endpoint.ready);
    let applies = |hints: fn(&Endpoint) -> &Vec<String>, own: &String| {
        ready().all(|endpoint| !hints(endpoint).is_empty()) && ready().any(|endpoint| hints(endpoint).contains(own))
    };
    if applies(|endpoint| &endpoint.node_hints, &here.node) {
        Mode::SameNode
    } else if applies(|endpoint| &endpoint.zone_hints, &here.zone) {
        Mode::SameZone
    } else {
        Mode::Everywhere
    }
}

/// Ready endpoints; where there is none, those that still serve while they end.
pub fn categorize(port: &ServicePort, endpoints: &BTreeMap<Place, Endpoint>, here: &Here) -> Categories {
    let mode = mode(endpoints, here);
    let ending = |endpoint: &Endpoint| !endpoint.ready && endpoint.serving && endpoint.terminating;
    let pick = |first: &dyn Fn(&Endpoint) -> bool, then: &dyn Fn(&Endpoint) -> bool| {
        let of = |test: &dyn Fn(&Endpoint) -> bool| endpoints.iter().filter(|(_, e)| test(e)).map(|(place, _)| *place).collect();
        let picked: Vec<Place> = of(first);
        if picked.is_empty() { of(then) } else { picked }
    };
    let mut categories = Categories { any: endpoints.values().any(|e| e.ready || ending(e)), ..Categories::default() };
    if port.uses_cluster() {
        categories.cluster = pick(&|e| e.ready && mode.allows(e, here), &ending);
    }
    if port.uses_local() {
        categories.local = pick(&|e| e.local && e.ready, &|e| e.local && ending(e));
    }
    categories
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::port;
    use std::net::Ipv4Addr;

    /// `r` ready, `t` ending but serving, `l` on this node, `zX` hinted for zone X, `nX` for node X, `-` nothing.
    fn check(words: &str, local: bool, cluster: &[u8], own: &[u8]) {
        let mut endpoints = BTreeMap::new();
        for (number, word) in (1_u8..).zip(words.split(' ')) {
            let hint = |mark: char| word.find(mark).map(|at| word[at + 1..at + 2].to_owned()).into_iter().collect();
            let has = |mark: char| word.contains(mark);
            let endpoint = Endpoint {
                ready: has('r'),
                serving: has('r') || has('t'),
                terminating: has('t'),
                local: has('l'),
                zone_hints: hint('z'),
                node_hints: hint('n'),
            };
            endpoints.insert((Ipv4Addr::new(10, 0, 1, number), 80), endpoint);
        }
        let mut port = port("web");
        (port.external_local, port.node_port) = (local, if local { 30000 } else { 0 });
        let here = Here { node: "1".into(), zone: "a".into() };
        let found = categorize(&port, &endpoints, &here);
        let numbers = |places: &[Place]| places.iter().map(|(address, _)| address.octets()[3]).collect::<Vec<_>>();
        assert_eq!((&*numbers(&found.cluster), &*numbers(&found.local)), (cluster, own), "{words}");
        assert_eq!(found.any, words.contains(['r', 't']), "{words}");
    }

    #[test]
    fn endpoints_are_chosen_as_upstream_does() {
        check("r r", false, &[1, 2], &[]);
        check("r t -", false, &[1], &[]);
        check("t t -", false, &[1, 2], &[]);
        check("- -", false, &[], &[]);
        check("rl r", true, &[1, 2], &[1]);
        check("r tl", true, &[1], &[2]);
        check("r r", true, &[1, 2], &[]);
        check("rza rzb rza", false, &[1, 3], &[]);
        check("rza r rza", false, &[1, 2, 3], &[]);
        check("rzb rzb", false, &[1, 2], &[]);
        check("rzan1 rzan2", false, &[1], &[]);
        check("rzan3 rzbn2", false, &[1], &[]);
        check("rza tza", false, &[1], &[]);
        check("rzbl rza", true, &[2], &[1]);
    }
}
