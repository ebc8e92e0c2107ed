//! A query in, an answer out, purely.

use crate::draft::Draft;
use crate::names::{Asked, Place, place};
use crate::zone::{Found, Target, Zone};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use serve::dns::Transport;
use std::collections::HashSet;
use std::net::IpAddr;

/// How long an answer may be kept: the default of CoreDNS's kubernetes plugin.
const TTL_SECONDS: u32 = 5;
/// Of the specification that is answered.
const VERSION: &str = "1.1.0";
/// Names that lead to names.
const MAX_ALIASES: usize = 8;
/// All targets of a name share as much.
const TOTAL_WEIGHT: usize = 100;

/// What becomes of a query.
#[derive(Debug)]
pub enum Outcome {
    /// No query: it is better not to answer than to be made to answer an answer.
    Ignored,
    Answered(Draft),
    /// Others know. The draft is for when they do not say.
    Elsewhere(Draft),
    /// The answer so far ends in a name that others know.
    Aliased {
        draft: Draft,
        target: Name,
    },
}

pub fn answer(zone: &Zone, query: &[u8], transport: Transport) -> Outcome {
    let request = match Message::from_vec(query) {
        Ok(request) if request.metadata.message_type == MessageType::Query => request,
        _ => return Outcome::Ignored,
    };
    let draft = Draft::new(&request, transport);
    match refusal(&request) {
        Some(code) => Outcome::Answered(draft.failed(code)),
        None => resolve(zone, &request.queries[0], draft),
    }
}

/// What is wrong with a query that does not ask for one thing of the internet.
fn refusal(request: &Message) -> Option<ResponseCode> {
    let [query] = request.queries.as_slice() else { return Some(ResponseCode::FormErr) };
    let transfer = matches!(query.query_type(), RecordType::AXFR | RecordType::IXFR);
    match (request.metadata.op_code, query.query_class()) {
        _ if request.edns.as_ref().is_some_and(|edns| edns.version() > 0) => Some(ResponseCode::BADVERS),
        (OpCode::Query, DNSClass::IN) if !transfer => None,
        (OpCode::Query, _) => Some(ResponseCode::Refused),
        _ => Some(ResponseCode::NotImp),
    }
}

/// Follows aliases as far as they lead through the zone.
fn resolve(zone: &Zone, query: &Query, mut draft: Draft) -> Outcome {
    let (mut owner, kind) = (query.name().clone(), query.query_type());
    owner.set_fqdn(true);
    for aliases in 0..MAX_ALIASES {
        let asked = match place(&owner, zone.domain()) {
            Place::Cluster(asked) => asked,
            Place::Reverse(address) if !zone.names_of(address).is_empty() => return reversed(zone, &owner, kind, address, draft),
            _ if aliases == 0 => return Outcome::Elsewhere(draft),
            _ => return Outcome::Aliased { draft, target: owner },
        };
        match zone.find(&asked) {
            Found::Alias(alias) => {
                // A name that cannot be written leads nowhere.
                let Some(target) = absolute(&alias) else { return Outcome::Answered(draft.failed(ResponseCode::ServFail)) };
                draft.message.add_answer(record(&owner, RData::CNAME(CNAME(target.clone()))));
                if kind == RecordType::CNAME {
                    return authoritative(draft);
                }
                owner = target;
            }
            found => return filled(zone, &owner, kind, &asked, found, draft),
        }
    }
    Outcome::Answered(draft.failed(ResponseCode::ServFail))
}

fn filled(zone: &Zone, owner: &Name, kind: RecordType, asked: &Asked, found: Found, mut draft: Draft) -> Outcome {
    if found == Found::Nothing {
        let code = if zone.is_synced() { ResponseCode::NXDomain } else { ResponseCode::ServFail };
        draft.message.metadata.response_code = code;
    }
    let before = draft.message.answers.len();
    let written = match (found, kind) {
        (Found::Targets(_), RecordType::SOA) if *asked == Asked::Apex => {
            draft.message.add_answers(soa(zone));
            Some(())
        }
        (Found::Targets(_), RecordType::NS) if *asked == Asked::Apex => name_server(zone, owner, &mut draft.message),
        (Found::Targets(targets), RecordType::SRV) => services(zone, owner, &targets, &mut draft.message),
        (Found::Targets(targets), kind) => {
            addresses(owner, kind, &targets, &mut draft.message);
            Some(())
        }
        (Found::Version, RecordType::TXT) => {
            draft.message.add_answer(record(owner, RData::TXT(TXT::new(vec![VERSION.to_owned()]))));
            Some(())
        }
        _ => Some(()),
    };
    let authority = if draft.message.answers.len() == before { soa(zone).map(Some) } else { Some(None) };
    // Names that cannot be written, which none of a cluster's is.
    let (Some(()), Some(authority)) = (written, authority) else {
        return Outcome::Answered(draft.failed(ResponseCode::ServFail));
    };
    draft.message.add_authorities(authority);
    authoritative(draft)
}

fn authoritative(mut draft: Draft) -> Outcome {
    draft.message.metadata.authoritative = true;
    Outcome::Answered(draft)
}

fn record(owner: &Name, data: RData) -> Record {
    Record::from_rdata(owner.clone(), TTL_SECONDS, data)
}

fn address_record(owner: &Name, address: IpAddr) -> Record {
    match address {
        IpAddr::V4(address) => record(owner, RData::A(A(address))),
        IpAddr::V6(address) => record(owner, RData::AAAA(AAAA(address))),
    }
}

/// Each address once. Every query finds another first, so that clients who take the first share the load.
fn addresses(owner: &Name, kind: RecordType, targets: &[Target], message: &mut Message) {
    let mut seen = HashSet::new();
    let of_kind = |address: &IpAddr| match kind {
        RecordType::A => address.is_ipv4(),
        RecordType::AAAA => address.is_ipv6(),
        kind => kind == RecordType::ANY,
    };
    let mut found: Vec<IpAddr> = targets.iter().map(|target| target.address).filter(of_kind).collect();
    found.retain(|address| seen.insert(*address));
    if !found.is_empty() {
        let first = usize::from(message.metadata.id) % found.len();
        found.rotate_left(first);
    }
    message.add_answers(found.into_iter().map(|address| address_record(owner, address)));
}

/// Each name and port once, and the addresses of the names beside them.
fn services(zone: &Zone, owner: &Name, targets: &[Target], message: &mut Message) -> Option<()> {
    let (mut seen, mut told) = (HashSet::new(), HashSet::new());
    let leads = |target: &&Target| target.port.is_some_and(|port| seen.insert((target.name.clone(), port)));
    let leading: Vec<&Target> = targets.iter().filter(leads).collect();
    let weight = u16::try_from(TOTAL_WEIGHT / leading.len().max(1)).unwrap_or(1).max(1);
    for target in leading {
        let name = below(zone, &target.name)?;
        let data = SRV::new(0, weight, target.port.unwrap_or_default(), name);
        message.add_answer(record(owner, RData::SRV(data)));
    }
    for target in targets.iter().filter(|target| target.port.is_some()) {
        if told.insert((&target.name, target.address)) {
            message.add_additional(address_record(&below(zone, &target.name)?, target.address));
        }
    }
    Some(())
}

fn name_server(zone: &Zone, owner: &Name, message: &mut Message) -> Option<()> {
    let server = below(zone, "ns.dns")?;
    message.add_answer(record(owner, RData::NS(NS(server.clone()))));
    message.add_additional(address_record(&server, zone.address()));
    Some(())
}

fn reversed(zone: &Zone, owner: &Name, kind: RecordType, address: IpAddr, mut draft: Draft) -> Outcome {
    if matches!(kind, RecordType::PTR | RecordType::ANY) {
        let names = zone.names_of(address);
        let names = names.iter().filter_map(|name| below(zone, name));
        draft.message.add_answers(names.map(|name| record(owner, RData::PTR(PTR(name)))));
    } else {
        draft.message.add_authorities(soa(zone));
    }
    authoritative(draft)
}

/// Says whose zone it is, and how long "there is no such thing" may be kept.
fn soa(zone: &Zone) -> Option<Record> {
    let (server, contact) = (below(zone, "ns.dns")?, below(zone, "hostmaster")?);
    let data = SOA::new(server, contact, zone.serial(), 7200, 1800, 86_400, TTL_SECONDS);
    Some(record(&absolute(zone.domain())?, RData::SOA(data)))
}

fn below(zone: &Zone, name: &str) -> Option<Name> {
    absolute(&format!("{name}.{}", zone.domain()))
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

#[cfg(test)]
mod tests;
