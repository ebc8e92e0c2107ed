//! The tables of the specification (kubernetes/dns docs/specification.md), as queries and answers.

use super::*;
use crate::records::{Port, Service};
use crate::zone::tests::{slice, zone};
use hickory_proto::op::Edns;
use reconcile::ObjectKey;

fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).expect("a name"), kind));
    message
}

fn ask(zone: &Zone, message: &Message, transport: Transport) -> Message {
    match answer(zone, &message.to_vec().expect("bytes"), transport) {
        Outcome::Answered(draft) => Message::from_vec(&draft.encode().expect("bytes")).expect("a message"),
        other => panic!("{other:?}"),
    }
}

/// `NOERROR a. A 10.0.0.1, b. A 10.0.0.2 + c. A 10.0.0.3`: answers, then what came along.
fn said(zone: &Zone, name: &str, kind: RecordType) -> String {
    let show = |records: &[Record]| -> String {
        let one = |r: &Record| format!("{} {} {}", r.name, r.record_type(), r.data);
        records.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let reply = match answer(zone, &query(name, kind).to_vec().expect("bytes"), Transport::Datagram) {
        Outcome::Ignored => return "ignored".into(),
        Outcome::Elsewhere(_) => return "elsewhere".into(),
        Outcome::Aliased { draft, target } => return format!("{} -> {target}", show(&draft.message.answers)),
        Outcome::Answered(draft) => Message::from_vec(&draft.encode().expect("bytes")).expect("a message"),
    };
    let code = match reply.metadata.response_code {
        ResponseCode::NoError => "",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::ServFail => return "SERVFAIL".into(),
        _ => "?",
    };
    assert!(reply.metadata.authoritative && reply.metadata.recursion_available, "{name}");
    let aliased = reply.answers.iter().all(|r| r.record_type() == RecordType::CNAME) && kind != RecordType::CNAME;
    assert_eq!(!reply.authorities.is_empty(), reply.answers.is_empty() || aliased, "{name}: a no has an authority");
    assert!(reply.authorities.iter().chain(&reply.answers).all(|record| record.ttl == TTL_SECONDS), "{name}");
    let more = if reply.additionals.is_empty() { String::new() } else { format!(" + {}", show(&reply.additionals)) };
    format!("{code}{}{more}", show(&reply.answers))
}

#[test]
fn the_specification() {
    use RecordType as T;
    let zone = zone();
    let soa = "cluster.local. SOA ns.dns.cluster.local. hostmaster.cluster.local. 11 7200 1800 86400 5";
    for (name, kind, expected) in [
        // 2.2 The version of the schema.
        ("dns-version.cluster.local.", T::TXT, "dns-version.cluster.local. TXT 1.1.0"),
        ("dns-version.cluster.local.", T::A, ""),
        // 2.3 Services with an address of their own.
        ("web.site.svc.cluster.local.", T::A, "web.site.svc.cluster.local. A 10.100.0.1"),
        ("Web.Site.SVC.cluster.local.", T::A, "Web.Site.SVC.cluster.local. A 10.100.0.1"),
        ("web.site.svc.cluster.local.", T::AAAA, ""),
        ("web.site.svc.cluster.local.", T::TXT, ""),
        ("web.site.svc.cluster.local.", T::MX, ""),
        ("none.site.svc.cluster.local.", T::A, "NXDOMAIN"),
        ("web.other.svc.cluster.local.", T::A, "NXDOMAIN"),
        (
            "_http._tcp.web.site.svc.cluster.local.",
            T::SRV,
            "_http._tcp.web.site.svc.cluster.local. SRV 0 100 80 web.site.svc.cluster.local. + \
             web.site.svc.cluster.local. A 10.100.0.1",
        ),
        ("_http._udp.web.site.svc.cluster.local.", T::SRV, "NXDOMAIN"),
        ("_smtp._tcp.web.site.svc.cluster.local.", T::SRV, "NXDOMAIN"),
        (
            "web.site.svc.cluster.local.",
            T::SRV,
            "web.site.svc.cluster.local. SRV 0 50 80 web.site.svc.cluster.local., \
             web.site.svc.cluster.local. SRV 0 50 443 web.site.svc.cluster.local. + web.site.svc.cluster.local. A 10.100.0.1",
        ),
        ("bare.site.svc.cluster.local.", T::A, "bare.site.svc.cluster.local. A 10.100.0.2"),
        ("bare.site.svc.cluster.local.", T::SRV, ""),
        ("1.0.100.10.in-addr.arpa.", T::PTR, "1.0.100.10.in-addr.arpa. PTR web.site.svc.cluster.local."),
        ("1.0.100.10.in-addr.arpa.", T::A, ""),
        // CoreDNS also names the endpoints of such a Service.
        ("10-0-0-1.web.site.svc.cluster.local.", T::A, "10-0-0-1.web.site.svc.cluster.local. A 10.0.0.1"),
        ("10-0-0-2.web.site.svc.cluster.local.", T::A, "NXDOMAIN"),
        // 2.4 Headless Services.
        ("db.site.svc.cluster.local.", T::A, "db.site.svc.cluster.local. A 10.0.0.5, db.site.svc.cluster.local. A 10.0.0.6"),
        ("db.site.svc.cluster.local.", T::AAAA, "db.site.svc.cluster.local. AAAA fd00::6"),
        ("db-1.db.site.svc.cluster.local.", T::A, "db-1.db.site.svc.cluster.local. A 10.0.0.6"),
        ("fd00--6.db.site.svc.cluster.local.", T::AAAA, "fd00--6.db.site.svc.cluster.local. AAAA fd00::6"),
        ("db-2.db.site.svc.cluster.local.", T::A, "NXDOMAIN"),
        ("empty.site.svc.cluster.local.", T::A, "NXDOMAIN"),
        (
            "_sql._tcp.db.site.svc.cluster.local.",
            T::SRV,
            "_sql._tcp.db.site.svc.cluster.local. SRV 0 33 5432 db-0.db.site.svc.cluster.local., \
             _sql._tcp.db.site.svc.cluster.local. SRV 0 33 5432 db-1.db.site.svc.cluster.local., \
             _sql._tcp.db.site.svc.cluster.local. SRV 0 33 5432 fd00--6.db.site.svc.cluster.local. + \
             db-0.db.site.svc.cluster.local. A 10.0.0.5, db-1.db.site.svc.cluster.local. A 10.0.0.6, \
             fd00--6.db.site.svc.cluster.local. AAAA fd00::6",
        ),
        ("6.0.0.10.in-addr.arpa.", T::PTR, "6.0.0.10.in-addr.arpa. PTR db-1.db.site.svc.cluster.local."),
        // 2.5 External names.
        ("out.site.svc.cluster.local.", T::CNAME, "out.site.svc.cluster.local. CNAME example.com."),
        ("out.site.svc.cluster.local.", T::A, "out.site.svc.cluster.local. CNAME example.com. -> example.com."),
        ("x.out.site.svc.cluster.local.", T::A, "NXDOMAIN"),
        ("_http._tcp.out.site.svc.cluster.local.", T::SRV, "NXDOMAIN"),
        (
            "alias.site.svc.cluster.local.",
            T::A,
            "alias.site.svc.cluster.local. CNAME web.site.svc.cluster.local., web.site.svc.cluster.local. A 10.100.0.1",
        ),
        ("alias.site.svc.cluster.local.", T::AAAA, "alias.site.svc.cluster.local. CNAME web.site.svc.cluster.local."),
        ("loop.site.svc.cluster.local.", T::A, "SERVFAIL"),
        // 2.6 Pods, by the addresses that they may have.
        ("10-0-0-7.site.pod.cluster.local.", T::A, "10-0-0-7.site.pod.cluster.local. A 10.0.0.7"),
        ("fd00--7.site.pod.cluster.local.", T::AAAA, "fd00--7.site.pod.cluster.local. AAAA fd00::7"),
        ("10-0-0-7.other.pod.cluster.local.", T::A, "NXDOMAIN"),
        ("web-0.site.pod.cluster.local.", T::A, "NXDOMAIN"),
        // The domain itself, and what is only there for others.
        ("cluster.local.", T::SOA, soa),
        ("cluster.local.", T::A, ""),
        ("cluster.local.", T::NS, "cluster.local. NS ns.dns.cluster.local. + ns.dns.cluster.local. A 10.100.0.10"),
        ("ns.dns.cluster.local.", T::A, "ns.dns.cluster.local. A 10.100.0.10"),
        ("svc.cluster.local.", T::A, ""),
        ("site.svc.cluster.local.", T::A, ""),
        ("other.svc.cluster.local.", T::A, "NXDOMAIN"),
        ("web.cluster.local.", T::A, "NXDOMAIN"),
        ("a.b.c.d.web.site.svc.cluster.local.", T::A, "NXDOMAIN"),
        // What others know.
        ("example.com.", T::A, "elsewhere"),
        ("web.site.svc.cluster.local.ec2.internal.", T::A, "elsewhere"),
        ("1.0.0.10.in-addr.arpa.", T::PTR, "elsewhere"),
        (".", T::NS, "elsewhere"),
    ] {
        assert_eq!(said(&zone, name, kind), expected, "{name} {kind}");
    }
}

#[test]
fn before_the_cluster_is_known_nothing_is_denied() {
    let mut zone = Zone::new("cluster.local", [10, 100, 0, 10].into());
    assert_eq!(said(&zone, "web.site.svc.cluster.local.", RecordType::A), "SERVFAIL");
    assert_eq!(said(&zone, "example.com.", RecordType::A), "elsewhere");
    zone.set_synced();
    assert_eq!(said(&zone, "web.site.svc.cluster.local.", RecordType::A), "NXDOMAIN");
}

#[test]
fn what_is_no_question_gets_no_answer() {
    let zone = zone();
    for bytes in [&b""[..], b"nonsense", &[0; 11], &[0xff; 40]] {
        assert!(matches!(answer(&zone, bytes, Transport::Datagram), Outcome::Ignored), "{bytes:?}");
    }
    let mut reply = query("cluster.local.", RecordType::A);
    reply.metadata.message_type = MessageType::Response;
    assert!(matches!(answer(&zone, &reply.to_vec().expect("bytes"), Transport::Datagram), Outcome::Ignored));
    let changed = |change: fn(&mut Message)| {
        let mut message = query("cluster.local.", RecordType::A);
        change(&mut message);
        ask(&zone, &message, Transport::Datagram).metadata.response_code
    };
    assert_eq!(changed(|m| m.metadata.op_code = OpCode::Update), ResponseCode::NotImp);
    let other_class = changed(|m| {
        m.queries[0].set_query_class(DNSClass::CH);
    });
    let transfer = changed(|m| {
        m.queries[0].set_query_type(RecordType::AXFR);
    });
    assert_eq!((other_class, transfer), (ResponseCode::Refused, ResponseCode::Refused));
    assert_eq!(changed(|m| m.queries.clear()), ResponseCode::FormErr);
    let newer = changed(|m| {
        let mut edns = Edns::new();
        edns.set_version(1);
        m.set_edns(edns);
    });
    assert_eq!(u16::from(newer), 16, "BADVERS");
}

/// A headless Service of this many endpoints.
fn many(count: u8) -> Zone {
    let mut zone = zone();
    let key = ObjectKey::new("site", "many");
    zone.set_service(&key, Some(Service::Headless));
    let addresses: Vec<String> = (0..count).map(|number| format!("10.0.9.{number}")).collect();
    let endpoints: Vec<(&str, &str)> = addresses.iter().map(|address| (address.as_str(), "")).collect();
    let port = Port { name: "http".into(), protocol: "tcp".into(), number: 80 };
    zone.set_slice(&key, Some(slice("many", &[port], &endpoints)));
    zone
}

#[test]
fn what_does_not_fit_is_cut_and_says_so() {
    let zone = many(200);
    let mut message = query("many.site.svc.cluster.local.", RecordType::A);
    for (payload, transport, expected) in [
        (None, Transport::Datagram, (true, 29)),
        (Some(100), Transport::Datagram, (true, 28)),
        (Some(1232), Transport::Datagram, (true, 73)),
        (Some(65_000), Transport::Datagram, (true, 73)),
        (Some(65_000), Transport::Stream, (false, 200)),
        (None, Transport::Stream, (false, 200)),
    ] {
        message.edns = payload.map(|bytes| {
            let mut edns = Edns::new();
            edns.set_max_payload(bytes);
            edns
        });
        let reply = ask(&zone, &message, transport);
        assert_eq!((reply.metadata.truncation, reply.answers.len()), expected, "{payload:?} {transport:?}");
        assert_eq!(reply.edns.is_some(), payload.is_some());
    }
    // Addresses beside SRV records are a courtesy: without them nothing is missing.
    let zone = many(7);
    let reply = ask(&zone, &query("_http._tcp.many.site.svc.cluster.local.", RecordType::SRV), Transport::Datagram);
    assert_eq!((reply.metadata.truncation, reply.answers.len(), reply.additionals.len()), (false, 7, 0));
}

#[test]
fn every_query_finds_another_first() {
    let zone = many(3);
    let first = |id: u16| {
        let mut message = query("many.site.svc.cluster.local.", RecordType::A);
        message.metadata.id = id;
        ask(&zone, &message, Transport::Datagram).answers[0].data.to_string()
    };
    assert_eq!([0, 1, 2, 3].map(first), ["10.0.9.0", "10.0.9.1", "10.0.9.2", "10.0.9.0"]);
}
