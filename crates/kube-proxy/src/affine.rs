//! Services that keep their clients (`sessionAffinity: ClientIP`): chains of their own and a set of clients for each endpoint,
//! as in kubernetes `pkg/proxy/nftables/proxier.go`.

use crate::endpoint::Place;
use crate::names::{of_endpoint, of_port};
use crate::rules::{Part, Surroundings};
use crate::service::ServicePort;
use crate::table::{MARK_FOR_MASQUERADE, goto, jump};
use crate::topology::Categories;
use crate::way::Policy;
use node_os::nft::{Field, Kind, Rule, Set, Spread, Statement, Test};
use std::time::Duration;

/// The chain that packets to the Service are led to.
pub fn entrance(port: &ServicePort, policy: Policy) -> String {
    of_port(if matches!(policy, Policy::Internal | Policy::InternalLocal) { "internal" } else { "external" }, port)
}

pub fn write(port: &ServicePort, found: &Categories, around: &Surroundings, part: &mut Part) {
    let Some(timeout) = port.affinity.filter(|_| found.any) else { return };
    let mut rules = AffineRules { port, found, around, part };
    rules.internal();
    if port.is_external() {
        rules.external();
    }
    for (local, places) in [(false, &found.cluster), (true, &found.local)] {
        if !places.is_empty() {
            rules.balance(local, places);
        }
    }
    for place in found.reachable() {
        rules.endpoint(place, timeout);
    }
}

struct AffineRules<'a> {
    port: &'a ServicePort,
    found: &'a Categories,
    around: &'a Surroundings,
    part: &'a mut Part,
}

impl AffineRules<'_> {
    fn rule(&mut self, chain: &str, statements: Vec<Statement>, comment: &str) {
        self.part.chains.entry(chain.to_owned()).or_default().push(Rule::new(chain, statements).comment(comment));
    }

    /// The chain that spreads over endpoints by this policy.
    fn policy_chain(&self, local: bool) -> String {
        of_port(if local { "local" } else { "service" }, self.port)
    }

    fn internal(&mut self) {
        let (chain, local) = (entrance(self.port, Policy::Internal), self.port.internal_local);
        if local && self.found.local.is_empty() {
            return;
        }
        // Who comes from outside the pods may not be found by the endpoint's answer.
        let from_elsewhere = Statement::InputLink(Test::IsNot, self.around.pod_links.clone());
        self.rule(&chain, vec![from_elsewhere, jump(MARK_FOR_MASQUERADE)], "");
        let policy = Statement::Verdict(goto(self.policy_chain(local)));
        self.rule(&chain, vec![Statement::Counter, policy], &self.port.label());
    }

    /// Everything that has come from outside the cluster goes through one chain, which does what policy demands.
    fn external(&mut self) {
        let (chain, local) = (entrance(self.port, Policy::External), self.port.external_local);
        self.rule(&chain, vec![Statement::Counter], &self.port.label());
        if local {
            let cluster = Statement::Verdict(goto(self.policy_chain(false)));
            let from_pod = Statement::InputLink(Test::Is, self.around.pod_links.clone());
            self.rule(&chain, vec![from_pod, cluster.clone()], "short-circuit pod traffic");
            self.rule(&chain, vec![Statement::SourceIsLocal, jump(MARK_FOR_MASQUERADE)], "masquerade local traffic");
            self.rule(&chain, vec![Statement::SourceIsLocal, cluster], "short-circuit local traffic");
        } else {
            self.rule(&chain, vec![jump(MARK_FOR_MASQUERADE)], "");
        }
        if !local || !self.found.local.is_empty() {
            let policy = Statement::Verdict(goto(self.policy_chain(local)));
            self.rule(&chain, vec![policy], "");
        }
    }

    /// Clients that have an endpoint go there; others anywhere.
    fn balance(&mut self, local: bool, places: &[Place]) {
        let chain = self.policy_chain(local);
        for place in places {
            let known = of_endpoint("affinity", self.port, *place);
            let endpoint = Statement::Verdict(goto(of_endpoint("endpoint", self.port, *place)));
            self.rule(&chain, vec![Statement::In(Test::Is, vec![Field::Source], known), endpoint], "");
        }
        let endpoints = places.iter().map(|place| goto(of_endpoint("endpoint", self.port, *place))).collect();
        self.rule(&chain, vec![Statement::Spread(Spread::Random, endpoints)], "");
    }

    fn endpoint(&mut self, place: Place, timeout: Duration) {
        let (address, number) = place;
        let (chain, name) = (of_endpoint("endpoint", self.port, place), of_endpoint("affinity", self.port, place));
        self.rule(&chain, vec![Statement::Update(vec![Field::Source], name.clone())], "");
        self.part.affinities.insert(name.clone(), Set::new(name, [Kind::Address]).timeout(timeout));
        let translate = Statement::Dnat(address, Some(number));
        self.rule(&chain, vec![Statement::Protocol(self.port.protocol), Statement::Counter, translate], "");
    }
}
