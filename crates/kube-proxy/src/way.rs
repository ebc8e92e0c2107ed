//! How packets to a Service go on, as one number: by the policy that counts for them and by how many endpoints there are.
//!
//! Services that go the same way share its chain, so that a Service is nothing but elements of maps. The kernel looks at every
//! chain of a table, and at every element that leads to one, whenever a rule or such an element is added: with chains of its own
//! for each Service a change takes the longer, the more Services there are.

use crate::table::{CLUSTER_ENDPOINTS, LOCAL_ENDPOINTS, MARK_FOR_MASQUERADE, WAYS, goto, jump};
use node_os::nft::{Chain, Command, Datum, Element, Field, Rule, Statement, Test};

/// Bits of a number of endpoints.
const COUNT_BITS: u32 = 14;
/// More are not used.
pub const MOST_ENDPOINTS: usize = (1 << COUNT_BITS) - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// To a cluster address.
    Internal,
    /// The same, with `internalTrafficPolicy: Local`.
    InternalLocal,
    /// To a node port, or to an address from outside the cluster.
    External,
    /// The same, with `externalTrafficPolicy: Local`.
    ExternalLocal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    pub policy: Policy,
    /// Endpoints in the cluster, and on this node; zero where the policy has no use for them.
    cluster: u32,
    local: u32,
}

impl Way {
    pub fn new(policy: Policy, cluster: usize, local: usize) -> Self {
        let count = |places: usize| u32::try_from(places.min(MOST_ENDPOINTS)).unwrap_or(0); // not above the least of both
        let way = Self { policy, cluster: count(cluster), local: count(local) };
        match policy {
            Policy::Internal | Policy::External => Self { local: 0, ..way },
            Policy::InternalLocal => Self { cluster: 0, ..way },
            Policy::ExternalLocal => way,
        }
    }

    /// What a Service's element says.
    pub fn datum(self) -> Datum {
        Datum::Mark((self.policy as u32) << (2 * COUNT_BITS) | self.local << COUNT_BITS | self.cluster)
    }

    fn chain(self) -> String {
        let name = match self.policy {
            Policy::Internal => "internal",
            Policy::InternalLocal => "internal-local",
            Policy::External => "external",
            Policy::ExternalLocal => "external-local",
        };
        let counts = [self.cluster, self.local].into_iter().filter(|count| *count > 0);
        counts.fold(format!("to-{name}"), |name, count| format!("{name}-{count}"))
    }

    /// Its chain and what leads there.
    pub fn commands(self, pod_links: &str) -> Vec<Command> {
        let chain = self.chain();
        let rules = self.rules(pod_links).into_iter().map(|statements| Command::AddRule(Rule::new(&chain, statements)));
        let leads_there = Element::new([self.datum()]).verdict(goto(&chain));
        let leads_there = Command::AddElements(WAYS.into(), vec![leads_there]);
        [Command::AddChain(Chain::regular(&chain))].into_iter().chain(rules).chain([leads_there]).collect()
    }

    fn rules(self, pod_links: &str) -> Vec<Vec<Statement>> {
        let (cluster, local) = (|| spread(self.cluster, CLUSTER_ENDPOINTS), || spread(self.local, LOCAL_ENDPOINTS));
        let link = |test| Statement::InputLink(test, pod_links.to_owned());
        let mut rules = match self.policy {
            // Who comes from outside the pods may not be found by the endpoint's answer.
            Policy::Internal => vec![vec![link(Test::IsNot), jump(MARK_FOR_MASQUERADE)], vec![cluster()]],
            Policy::InternalLocal => vec![vec![link(Test::IsNot), jump(MARK_FOR_MASQUERADE)], vec![local()]],
            Policy::External => vec![vec![jump(MARK_FOR_MASQUERADE)], vec![cluster()]],
            // Pods and the node itself are not outside: they reach all endpoints.
            Policy::ExternalLocal => vec![
                vec![link(Test::Is), cluster()],
                vec![Statement::SourceIsLocal, jump(MARK_FOR_MASQUERADE)],
                vec![Statement::SourceIsLocal, cluster()],
            ],
        };
        if self.policy == Policy::ExternalLocal && self.local > 0 {
            rules.push(vec![local()]);
        }
        rules
    }
}

/// One of so many endpoints, by chance.
fn spread(count: u32, endpoints: &str) -> Statement {
    let fields = vec![Field::Destination, Field::Protocol, Field::DestinationPort, Field::Random(count)];
    Statement::DnatMap(fields, endpoints.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ways_that_differ_have_other_numbers_and_chains() {
        let policies = [Policy::Internal, Policy::InternalLocal, Policy::External, Policy::ExternalLocal];
        let ways: BTreeSet<Way> = policies
            .into_iter()
            .flat_map(|policy| [(1, 1), (1, 2), (2, 1), (2, 0), (MOST_ENDPOINTS + 9, 1)].map(|(c, l)| Way::new(policy, c, l)))
            .collect();
        let numbers: BTreeSet<_> = ways.iter().map(|way| way.datum()).collect();
        let chains: BTreeSet<_> = ways.iter().map(|way| way.chain()).collect();
        assert_eq!((numbers.len(), chains.len(), ways.len()), (14, 14, 14));
        assert_eq!(Way::new(Policy::Internal, 3, 2), Way::new(Policy::Internal, 3, 0), "what does not count is left out");
    }
}
