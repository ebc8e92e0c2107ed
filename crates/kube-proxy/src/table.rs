//! The part of the table that does not depend on Services. Hooks, order, and names of what is the same are those of kubernetes
//! `pkg/proxy/nftables/proxier.go`, so that whoever knows that one finds the way here.

use ipnet::Ipv4Net;
use node_os::nft::{Chain, ChainType, CtState, Field, Hook, Kind, Rule, Set, Statement, Test, Transaction, Verdict};
use std::net::Ipv4Addr;

pub const TABLE: &str = "kube-proxy";
pub(crate) const SERVICE_IPS: &str = "service-ips";
pub(crate) const SERVICE_WAYS: &str = "service-ways";
pub(crate) const WAYS: &str = "ways";
pub(crate) const CLUSTER_ENDPOINTS: &str = "cluster-endpoints";
pub(crate) const LOCAL_ENDPOINTS: &str = "local-endpoints";
pub(crate) const HAIRPINS: &str = "hairpins";
pub(crate) const NO_ENDPOINT_SERVICES: &str = "no-endpoint-services";
pub(crate) const NO_LOCAL_ENDPOINT_SERVICES: &str = "no-local-endpoint-services";
pub(crate) const CLUSTER_IPS: &str = "cluster-ips";
pub(crate) const MARK_FOR_MASQUERADE: &str = "mark-for-masquerade";
const MASQUERADING: &str = "masquerading";
const REJECT: &str = "reject-chain";
const SERVICES: &str = "services";
const SERVICE_ENDPOINTS_CHECK: &str = "service-endpoints-check";
const CLUSTER_IPS_CHECK: &str = "cluster-ips-check";

/// Bit 14, `--iptables-masquerade-bit` by default: other programs on a node know it.
pub(crate) const MASQUERADE_MARK: u32 = 0x4000;

/// What the fixed part is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where cluster addresses come from. What nobody has is dropped, not sent on.
    pub service_cidrs: Vec<Ipv4Net>,
    /// Addresses out of `service_cidrs` that the node itself answers on when their Service has no endpoints.
    pub local_addresses: Vec<Ipv4Addr>,
}

pub(crate) fn jump(chain: &str) -> Statement {
    Statement::Verdict(Verdict::Jump(chain.into()))
}

pub(crate) fn goto(chain: impl Into<String>) -> Verdict {
    Verdict::Goto(chain.into())
}

/// An empty table with everything that Services hang their chains and elements on.
pub fn fixed(layout: &Layout) -> Transaction {
    let mut change = Transaction::new(TABLE);
    change.replace_table("rules for kube-proxy");
    chains(&mut change);
    sets(&mut change);
    entrances(&mut change);
    dispatch(&mut change);
    cluster_ips_check(&mut change, layout);
    masquerading(&mut change);
    change
}

fn chains(change: &mut Transaction) {
    // The checks look at what has been translated: they run behind, at the filter's priority.
    for (name, kind, hook, priority) in [
        ("filter-input", ChainType::Filter, Hook::Input, Chain::FILTER),
        ("filter-forward", ChainType::Filter, Hook::Forward, Chain::FILTER),
        ("filter-output", ChainType::Filter, Hook::Output, Chain::FILTER),
        ("nat-prerouting", ChainType::Nat, Hook::Prerouting, Chain::DSTNAT),
        ("nat-output", ChainType::Nat, Hook::Output, Chain::DSTNAT),
        ("nat-postrouting", ChainType::Nat, Hook::Postrouting, Chain::SRCNAT),
    ] {
        change.add_chain(Chain::base(name, kind, hook, priority));
    }
    let names = [SERVICE_ENDPOINTS_CHECK, CLUSTER_IPS_CHECK, SERVICES, MASQUERADING, MARK_FOR_MASQUERADE];
    for name in names {
        change.add_chain(Chain::regular(name));
    }
    change.add_chain(Chain::regular(REJECT).comment("helper for @no-endpoint-services"));
}

fn sets(change: &mut Transaction) {
    // Where clients send to: an address, a protocol and a port.
    let front = [Kind::Address, Kind::Protocol, Kind::Port];
    let endpoint = |name| Set::new(name, [&front[..], &[Kind::Mark]].concat()).data([Kind::Address, Kind::Port]).counted();
    for set in [
        Set::new(CLUSTER_IPS, [Kind::Address]).comment("Active ClusterIPs"),
        Set::new(NO_ENDPOINT_SERVICES, front).comment("packets to services with no endpoints: rejected"),
        Set::new(NO_LOCAL_ENDPOINT_SERVICES, front).comment("packets to services with no local endpoints: dropped"),
        Set::new(SERVICE_WAYS, front)
            .data([Kind::Mark])
            .counted()
            .comment("ClusterIP, ExternalIP, LoadBalancer IP and NodePort traffic"),
        Set::map(WAYS, [Kind::Mark]).comment("by policy and numbers of endpoints"),
        endpoint(CLUSTER_ENDPOINTS).comment("by services and numbers below that of their endpoints"),
        endpoint(LOCAL_ENDPOINTS).comment("those of cluster-endpoints that are on this node"),
        Set::new(HAIRPINS, [Kind::Address, Kind::Address]).comment("endpoints that reach themselves"),
        Set::map(SERVICE_IPS, front).comment("traffic of services with session affinity"),
    ] {
        change.add_set(set);
    }
}

/// From the hooks to the chains.
fn entrances(change: &mut Transaction) {
    for (from, to, only_new) in [
        ("filter-input", SERVICE_ENDPOINTS_CHECK, true),
        ("filter-forward", SERVICE_ENDPOINTS_CHECK, true),
        ("filter-forward", CLUSTER_IPS_CHECK, true),
        ("filter-output", SERVICE_ENDPOINTS_CHECK, true),
        ("filter-output", CLUSTER_IPS_CHECK, true),
        ("nat-output", SERVICES, false),
        ("nat-prerouting", SERVICES, false),
        ("nat-postrouting", MASQUERADING, false),
    ] {
        let new = only_new.then_some(Statement::CtState(Test::Is, CtState::New));
        change.add_rule(Rule::new(from, new.into_iter().chain([jump(to)]).collect::<Vec<_>>()));
    }
}

fn dispatch(change: &mut Transaction) {
    let front = || vec![Field::Destination, Field::Protocol, Field::DestinationPort];
    let among = |set: &str| Statement::In(Test::Is, front(), set.into());
    for (chain, statements) in [
        (REJECT, vec![Statement::Counter, Statement::Reject]),
        (SERVICE_ENDPOINTS_CHECK, vec![among(NO_ENDPOINT_SERVICES), Statement::Verdict(goto(REJECT))]),
        (SERVICE_ENDPOINTS_CHECK, vec![among(NO_LOCAL_ENDPOINT_SERVICES), Statement::Counter, Statement::Verdict(Verdict::Drop)]),
        (SERVICES, vec![Statement::Dispatch(front(), SERVICE_WAYS.into(), WAYS.into())]),
        (SERVICES, vec![Statement::Lookup(front(), SERVICE_IPS.into())]),
    ] {
        change.add_rule(Rule::new(chain, statements));
    }
}

/// Packets to a cluster address that were not translated.
fn cluster_ips_check(change: &mut Transaction, layout: &Layout) {
    for address in &layout.local_addresses {
        let local = [Statement::Destination(Test::Is, (*address).into()), Statement::Verdict(Verdict::Return)];
        change.add_rule(Rule::new(CLUSTER_IPS_CHECK, local).comment("answered by this node"));
    }
    let active = Statement::In(Test::Is, vec![Field::Destination], CLUSTER_IPS.into());
    let rejected = Rule::new(CLUSTER_IPS_CHECK, [active, Statement::Counter, Statement::Reject]);
    change.add_rule(rejected.comment("Reject traffic to invalid ports of ClusterIPs"));
    for cidr in &layout.service_cidrs {
        let dropped = [Statement::Destination(Test::Is, *cidr), Statement::Counter, Statement::Verdict(Verdict::Drop)];
        change.add_rule(Rule::new(CLUSTER_IPS_CHECK, dropped).comment("Drop traffic to unallocated ClusterIPs"));
    }
}

fn masquerading(change: &mut Transaction) {
    // An endpoint that reaches itself by the Service's address would answer itself directly.
    let hairpin = Statement::In(Test::Is, vec![Field::Source, Field::Destination], HAIRPINS.into());
    change.add_rule(Rule::new(MASQUERADING, [hairpin, Statement::Counter, Statement::Masquerade(true)]));
    change.add_rule(Rule::new(MARK_FOR_MASQUERADE, [Statement::MarkOr(MASQUERADE_MARK)]));
    let unmarked = [Statement::MarkIsZero(Test::Is, MASQUERADE_MARK), Statement::Verdict(Verdict::Return)];
    change.add_rule(Rule::new(MASQUERADING, unmarked));
    // Unmarked again: a packet that comes back into the stack is not translated twice.
    change.add_rule(Rule::new(MASQUERADING, [Statement::MarkXor(MASQUERADE_MARK)]));
    change.add_rule(Rule::new(MASQUERADING, [Statement::Counter, Statement::Masquerade(true)]));
}
