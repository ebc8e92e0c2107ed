//! A query in, an answer out, purely.

use super::zone::{Found, Zone, domain};
use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, PTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use serve::dns::Transport;
use std::net::Ipv4Addr;

/// How long an answer may be kept, as AWS's resolver says.
const TTL_SECONDS: u32 = 60;
/// What a datagram may hold unless the client says more, and what this one takes at most.
const PLAIN_BYTES: usize = 512;
const LARGEST_BYTES: u16 = 1232;

/// None for what is no query: it is better not to answer than to be made to answer an answer.
pub fn answer(zone: &Zone, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let request = Message::from_vec(query).ok()?;
    if request.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut reply = Message::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    reply.metadata = Metadata::response_from_request(&request.metadata);
    reply.metadata.recursion_available = true;
    let mut limit = PLAIN_BYTES;
    if let Some(edns) = &request.edns {
        limit = usize::from(edns.max_payload().clamp(512, LARGEST_BYTES));
        let mut own = Edns::new();
        own.set_max_payload(LARGEST_BYTES);
        reply.set_edns(own);
    }
    fill(zone, &request, &mut reply);
    let bytes = reply.to_vec().ok()?;
    if transport == Transport::Datagram && bytes.len() > limit { reply.truncate().to_vec().ok() } else { Some(bytes) }
}

fn fill(zone: &Zone, request: &Message, reply: &mut Message) {
    let [query] = request.queries.as_slice() else {
        reply.metadata.response_code = ResponseCode::FormErr;
        return;
    };
    reply.add_query(query.clone());
    reply.metadata.response_code = match (request.metadata.op_code, query.query_class()) {
        (OpCode::Query, DNSClass::IN) => match look_up(zone, query, reply) {
            Some(code) => code,
            None => ResponseCode::ServFail,
        },
        (OpCode::Query, _) => ResponseCode::Refused,
        _ => ResponseCode::NotImp,
    };
}

/// The first address is the one that most clients take: it is another one for every other query.
fn turned(addresses: &[Ipv4Addr], number: u16) -> Vec<RData> {
    let mut data: Vec<RData> = addresses.iter().map(|address| RData::A(A(*address))).collect();
    let first = usize::from(number).checked_rem(data.len()).unwrap_or(0);
    data.rotate_left(first);
    data
}

/// None if a name cannot be written, which none of ours is.
fn look_up(zone: &Zone, query: &Query, reply: &mut Message) -> Option<ResponseCode> {
    let mut name = query.name().to_lowercase();
    name.set_fqdn(false);
    let found = zone.find(&name.to_ascii());
    let data: Vec<RData> = match (&found, query.query_type()) {
        (Found::Addresses(all), RecordType::A | RecordType::ANY) => turned(all, reply.metadata.id),
        (Found::Name(name), RecordType::PTR | RecordType::ANY) => vec![RData::PTR(PTR(absolute(name)?))],
        _ => Vec::new(),
    };
    if data.is_empty() {
        reply.add_authority(authority(zone)?);
    }
    for data in data {
        reply.add_answer(Record::from_rdata(query.name().clone(), TTL_SECONDS, data));
    }
    Some(if found == Found::Nothing { ResponseCode::NXDomain } else { ResponseCode::NoError })
}

/// Says how long "there is no such thing" may be kept.
fn authority(zone: &Zone) -> Option<Record> {
    let domain = absolute(&domain(&zone.region))?;
    let server = absolute("ns0.amazonaws.com")?;
    let contact = absolute("hostmaster.amazon.com")?;
    let soa = SOA::new(server, contact, 1, 3600, 900, 604_800, TTL_SECONDS);
    Some(Record::from_rdata(domain, TTL_SECONDS, RData::SOA(soa)))
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

#[cfg(test)]
pub mod tests {
    use super::super::zone::tests::zone;
    use super::*;

    pub fn query(name: &str, kind: RecordType) -> Message {
        let mut message = Message::new(77, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(absolute(name).expect("a name"), kind));
        message
    }

    fn ask(message: &Message) -> Message {
        let bytes = answer(&zone("us-east-1"), &message.to_vec().expect("bytes"), Transport::Datagram).expect("an answer");
        Message::from_vec(&bytes).expect("a message")
    }

    #[test]
    fn answers_and_refusals() {
        use RecordType as T;
        for (name, kind, code, data) in [
            ("ip-10-0-1-23.ec2.internal", T::A, ResponseCode::NoError, "10.0.1.23"),
            ("IP-10-0-1-23.EC2.Internal", T::A, ResponseCode::NoError, "10.0.1.23"),
            ("ip-10-0-1-23.ec2.internal", T::AAAA, ResponseCode::NoError, ""),
            ("23.1.0.10.in-addr.arpa", T::PTR, ResponseCode::NoError, "ip-10-0-1-23.ec2.internal."),
            ("sts.us-east-1.amazonaws.com", T::A, ResponseCode::NoError, "10.0.0.3"),
            // Message 77 gets the second address first, message 78 the first.
            ("web-1.elb.us-east-1.amazonaws.com", T::A, ResponseCode::NoError, "10.0.2.50 10.0.1.50"),
            ("web-1.elb.us-east-1.amazonaws.com", T::AAAA, ResponseCode::NoError, ""),
            ("web-2.elb.us-east-1.amazonaws.com", T::A, ResponseCode::NXDomain, ""),
            ("example.com", T::A, ResponseCode::NXDomain, ""),
            ("ip-10-0-1-24.ec2.internal", T::A, ResponseCode::NXDomain, ""),
        ] {
            let reply = ask(&query(name, kind));
            let said: Vec<String> = reply.answers.iter().map(|record| record.data.to_string()).collect();
            assert_eq!((reply.metadata.response_code, said.join(" ")), (code, data.to_owned()), "{name}");
            assert_eq!((reply.metadata.id, reply.metadata.recursion_desired), (77, true));
            assert_eq!(reply.authorities.is_empty(), !data.is_empty(), "{name}: what is not there has an authority");
            assert_eq!(reply.queries.len(), 1);
        }
    }

    #[test]
    fn what_is_no_question_gets_no_answer() {
        let zone = zone("us-east-1");
        for bytes in [&b""[..], b"nonsense", &[0; 11], &[0xff; 40]] {
            assert_eq!(answer(&zone, bytes, Transport::Datagram), None, "{bytes:?}");
        }
        let mut reply = query("example.com", RecordType::A);
        reply.metadata.message_type = MessageType::Response;
        assert_eq!(answer(&zone, &reply.to_vec().expect("bytes"), Transport::Datagram), None);
        let mut update = query("example.com", RecordType::A);
        update.metadata.op_code = OpCode::Update;
        assert_eq!(ask(&update).metadata.response_code, ResponseCode::NotImp);
        let mut chaos = query("example.com", RecordType::A);
        chaos.queries[0].set_query_class(DNSClass::CH);
        assert_eq!(ask(&chaos).metadata.response_code, ResponseCode::Refused);
        let empty = Message::new(1, MessageType::Query, OpCode::Query);
        assert_eq!(ask(&empty).metadata.response_code, ResponseCode::FormErr);
    }

    #[test]
    fn who_speaks_edns_is_answered_so() {
        let mut message = query("sts.amazonaws.com", RecordType::A);
        assert!(ask(&message).edns.is_none());
        message.set_edns(Edns::new());
        assert!(ask(&message).edns.is_some());
    }
}
