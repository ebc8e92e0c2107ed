//! The part of the table that does not depend on Services. Names, hooks and order are those of kubernetes
//! `pkg/proxy/nftables/proxier.go`, so that whoever knows that one finds the way here.

use ipnet::Ipv4Net;
use node_os::nft::{Chain, ChainType, CtState, Datum, Element, Field, Hook, Kind, Rule, Set, Statement, Test, Transaction, Verdict};
use std::net::Ipv4Addr;

pub const TABLE: &str = "kube-proxy";
pub(crate) const SERVICE_IPS: &str = "service-ips";
pub(crate) const SERVICE_NODE_PORTS: &str = "service-nodeports";
pub(crate) const NO_ENDPOINT_SERVICES: &str = "no-endpoint-services";
pub(crate) const NO_ENDPOINT_NODE_PORTS: &str = "no-endpoint-nodeports";
pub(crate) const CLUSTER_IPS: &str = "cluster-ips";
const NODE_PORT_IPS: &str = "nodeport-ips";
pub(crate) const MARK_FOR_MASQUERADE: &str = "mark-for-masquerade";
const MASQUERADING: &str = "masquerading";
pub(crate) const REJECT: &str = "reject-chain";
const SERVICES: &str = "services";
const SERVICE_ENDPOINTS_CHECK: &str = "service-endpoints-check";
const NODE_PORT_ENDPOINTS_CHECK: &str = "nodeport-endpoints-check";
const CLUSTER_IPS_CHECK: &str = "cluster-ips-check";

/// Bit 14, `--iptables-masquerade-bit` by default: other programs on a node know it.
pub(crate) const MASQUERADE_MARK: u32 = 0x4000;

/// What the fixed part is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Addresses of this node that node ports are open on.
    pub node_addresses: Vec<Ipv4Addr>,
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
    let addresses = layout.node_addresses.iter().map(|address| Element::new([Datum::Address(*address)]));
    change.add_elements(NODE_PORT_IPS, addresses.collect::<Vec<_>>());
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
    let names = [SERVICE_ENDPOINTS_CHECK, NODE_PORT_ENDPOINTS_CHECK, CLUSTER_IPS_CHECK, SERVICES, MASQUERADING, MARK_FOR_MASQUERADE];
    for name in names {
        change.add_chain(Chain::regular(name));
    }
    change.add_chain(Chain::regular(REJECT).comment("helper for @no-endpoint-services / @no-endpoint-nodeports"));
}

fn sets(change: &mut Transaction) {
    let (address_port, port) = ([Kind::Address, Kind::Protocol, Kind::Port], [Kind::Protocol, Kind::Port]);
    for set in [
        Set::new(CLUSTER_IPS, [Kind::Address]).comment("Active ClusterIPs"),
        Set::new(NODE_PORT_IPS, [Kind::Address]).comment("IPs that accept NodePort traffic"),
        Set::map(NO_ENDPOINT_SERVICES, address_port).comment("vmap to drop or reject packets to services with no endpoints"),
        Set::map(NO_ENDPOINT_NODE_PORTS, port)
            .comment("vmap to drop or reject packets to service nodeports with no endpoints"),
        Set::map(SERVICE_IPS, address_port).comment("ClusterIP, ExternalIP and LoadBalancer IP traffic"),
        Set::map(SERVICE_NODE_PORTS, port).comment("NodePort traffic"),
    ] {
        change.add_set(set);
    }
}

/// From the hooks to the chains.
fn entrances(change: &mut Transaction) {
    for (from, to, only_new) in [
        ("filter-input", NODE_PORT_ENDPOINTS_CHECK, true),
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
    let address_port = || vec![Field::Destination, Field::Protocol, Field::DestinationPort];
    let port = || vec![Field::Protocol, Field::DestinationPort];
    let to_node = || Statement::In(Test::Is, vec![Field::Destination], NODE_PORT_IPS.into());
    for (chain, statements) in [
        (REJECT, vec![Statement::Counter, Statement::Reject]),
        (SERVICE_ENDPOINTS_CHECK, vec![Statement::Lookup(address_port(), NO_ENDPOINT_SERVICES.into())]),
        (NODE_PORT_ENDPOINTS_CHECK, vec![to_node(), Statement::Lookup(port(), NO_ENDPOINT_NODE_PORTS.into())]),
        (SERVICES, vec![Statement::Lookup(address_port(), SERVICE_IPS.into())]),
        (SERVICES, vec![to_node(), Statement::Lookup(port(), SERVICE_NODE_PORTS.into())]),
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
    change.add_rule(Rule::new(MARK_FOR_MASQUERADE, [Statement::MarkOr(MASQUERADE_MARK)]));
    let unmarked = [Statement::MarkIsZero(Test::Is, MASQUERADE_MARK), Statement::Verdict(Verdict::Return)];
    change.add_rule(Rule::new(MASQUERADING, unmarked));
    // Unmarked again: a packet that comes back into the stack is not translated twice.
    change.add_rule(Rule::new(MASQUERADING, [Statement::MarkXor(MASQUERADE_MARK)]));
    change.add_rule(Rule::new(MASQUERADING, [Statement::Counter, Statement::Masquerade(true)]));
}
