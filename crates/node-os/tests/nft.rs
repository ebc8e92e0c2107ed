//! Tables on a real kernel, read back by nft itself where that is at hand.

mod sandbox;

use ipnet::Ipv4Net;
use node_os::netns::NetNs;
use node_os::nft::{self, Chain, ChainType, CtState, Datum, Element, Field, Hook, Kind, Protocol, Rule, Set, Spread, Statement};
use node_os::nft::{Test, Transaction, Verdict};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TABLE: &str = "ph-test";
const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 100, 0, 10);

fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a prefix")
}

fn goto(chain: &str) -> Verdict {
    Verdict::Goto(chain.into())
}

fn address_and_port_kinds() -> Vec<Kind> {
    vec![Kind::Address, Kind::Protocol, Kind::Port]
}

fn address_and_port() -> Vec<Field> {
    vec![Field::Destination, Field::Protocol, Field::DestinationPort]
}

/// Everything that a rule can say, once.
fn everything() -> Transaction {
    use Statement as S;
    let mut change = Transaction::new(TABLE);
    change.replace_table("all of it");
    for (name, kind, hook, priority) in [
        ("raw", ChainType::Filter, Hook::Prerouting, -300),
        ("in", ChainType::Filter, Hook::Input, -110),
        ("pre", ChainType::Nat, Hook::Prerouting, Chain::DSTNAT),
        ("out", ChainType::Nat, Hook::Output, Chain::DSTNAT),
        ("post", ChainType::Nat, Hook::Postrouting, Chain::SRCNAT),
    ] {
        change.add_chain(Chain::base(name, kind, hook, priority));
    }
    for name in ["one", "two", "ns/web/tcp/p80", "refuse"] {
        change.add_chain(Chain::regular(name).comment("a chain"));
    }
    change.add_set(Set::new("local", [Kind::Address]).comment("addresses"));
    change.add_set(Set::new("clients", [Kind::Address]).timeout(Duration::from_secs(10800)));
    change.add_set(Set::map("services", [Kind::Address, Kind::Protocol, Kind::Port]));
    change.add_set(Set::map("ports", [Kind::Protocol, Kind::Port]));
    change.add_set(Set::new("kinds", address_and_port_kinds()).data([Kind::Mark]).counted());
    change.add_set(
        Set::new("ends", [address_and_port_kinds(), vec![Kind::Mark]].concat()).data([Kind::Address, Kind::Port]).counted(),
    );
    change.add_set(Set::map("ways", [Kind::Mark]));
    change.add_elements("local", [Element::new([Datum::Address(SERVICE)]).comment("one")]);
    let key = [Datum::Address(SERVICE), Datum::Protocol(Protocol::Tcp), Datum::Port(80)];
    change.add_elements("kinds", [Element::new(key).data([Datum::Mark(7)]).comment("seven")]);
    let end = [key.as_slice(), &[Datum::Mark(1)]].concat();
    change.add_elements("ends", [Element::new(end).data([Datum::Address(Ipv4Addr::LOCALHOST), Datum::Port(8081)])]);
    change.add_elements("ways", [Element::new([Datum::Mark(7)]).verdict(goto("one"))]);
    change.add_elements("services", [Element::new(key).verdict(goto("ns/web/tcp/p80"))]);
    change.add_elements("ports", [Element::new([Datum::Protocol(Protocol::Udp), Datum::Port(53)]).verdict(Verdict::Drop)]);
    let rules: Vec<(&str, Vec<Statement>)> = vec![
        ("raw", vec![S::Source(Test::Is, net("10.0.0.0/16")), S::InputLink(Test::Is, "eni*".into()), S::Counter]),
        ("in", vec![S::CtState(Test::Is, CtState::New), S::Verdict(Verdict::Jump("refuse".into()))]),
        ("in", vec![S::CtState(Test::IsNot, CtState::Established), S::Counter]),
        ("pre", vec![S::Lookup(address_and_port(), "services".into())]),
        ("pre", vec![S::SourceIsLocal, S::Destination(Test::IsNot, net("127.0.0.0/8")), S::Counter]),
        ("pre", vec![S::In(Test::Is, vec![Field::Destination], "local".into()), S::Counter, S::Verdict(Verdict::Accept)]),
        ("pre", vec![S::In(Test::IsNot, vec![Field::Source], "local".into()), S::Verdict(Verdict::Return)]),
        ("pre", vec![S::Lookup(vec![Field::Protocol, Field::DestinationPort], "ports".into())]),
        ("pre", vec![S::Protocol(Protocol::Udp), S::Counter]),
        ("out", vec![S::Lookup(address_and_port(), "services".into())]),
        ("ns/web/tcp/p80", vec![S::Source(Test::IsNot, net("10.0.0.0/16")), S::MarkOr(0x4000)]),
        ("ns/web/tcp/p80", vec![S::Counter]),
        ("ns/web/tcp/p80", vec![S::Spread(Spread::Random, vec![goto("one"), goto("two")])]),
        ("one", vec![S::Update(vec![Field::Source], "clients".into())]),
        ("one", vec![S::Protocol(Protocol::Tcp), S::Counter, S::Dnat(Ipv4Addr::LOCALHOST, Some(8081))]),
        ("two", vec![S::Protocol(Protocol::Tcp), S::Counter, S::Dnat(Ipv4Addr::LOCALHOST, Some(8082))]),
        ("refuse", vec![S::Protocol(Protocol::Tcp), S::DestinationPort(Test::IsNot, 81), S::Counter]),
        ("refuse", vec![S::DestinationPort(Test::Is, 82), S::Counter, S::Reject]),
        ("post", vec![S::MarkIsZero(Test::Is, 0x4000), S::Verdict(Verdict::Return)]),
        ("post", vec![S::MarkXor(0x4000), S::Counter]),
        ("post", vec![S::MarkIsZero(Test::IsNot, 0x8000), S::Masquerade(true)]),
    ];
    for (chain, statements) in rules {
        change.add_rule(Rule::new(chain, statements).comment(format!("of {chain}")));
    }
    let by = Spread::Hash(vec![Field::Source, Field::DestinationPort]);
    change.add_rule(Rule::new("refuse", [S::Spread(by, vec![Verdict::Accept, Verdict::Return])]));
    change
}

/// What nft says, or None where there is none.
fn nft(arguments: &[&str], input: &str) -> Option<String> {
    let mut command = Command::new("nft");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        println!("nft is not here: the kernel's answer alone counts");
        return None;
    };
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && error.is_empty(), "nft {arguments:?}: {error}\n{out}\n{input}");
    Some(out.into_owned())
}

/// A listing without what differs from run to run.
fn listing() -> Option<String> {
    let listed = nft(&["list", "table", "ip", TABLE], "")?;
    assert!(!listed.contains("invalid") && !listed.contains("unknown"), "{listed}");
    Some(listed)
}

#[test]
fn nft_reads_what_is_written_and_writes_the_same() {
    if !sandbox::inside("nft_reads_what_is_written_and_writes_the_same") {
        return;
    }
    let here = NetNs::current().expect("own");
    everything().commit(&here).expect("taken");
    let Some(ours) = listing() else { return };
    println!("{ours}");
    nft(&["-f", "-"], &ours).expect("a listing can be loaded");
    nft(&["-f", "-"], &everything().to_string()).expect("our words are nft's");
    assert_eq!(listing().expect("listed"), ours, "nft makes of our words what we make of our values");
    everything().commit(&here).expect("taken again");
    assert_eq!(listing().expect("listed"), ours);
    let mut gone = Transaction::new(TABLE);
    gone.remove_table().remove_table().commit(&here).expect("gone");
    assert_eq!(nft::chains(&here, TABLE).expect("none"), Vec::<String>::new());
}

#[test]
fn nft_lists_what_it_cannot_say() {
    if !sandbox::inside("nft_lists_what_it_cannot_say") {
        return;
    }
    let here = NetNs::current().expect("own");
    let mut change = everything();
    let end = [address_and_port(), vec![Field::Random(2)]].concat();
    change.add_rule(Rule::new("out", [Statement::Dispatch(address_and_port(), "kinds".into(), "ways".into())]));
    change.add_rule(Rule::new("out", [Statement::DnatMap(end, "ends".into())]));
    change.commit(&here).expect("taken");
    let Some(listed) = listing() else { return };
    for words in ["map @kinds meta priority vmap @ways", "numgen random mod 2 map @ends"] {
        assert!(listed.contains(words), "{words}: {listed}");
    }
}

#[test]
fn a_refused_command_is_named_and_nothing_is_done() {
    if !sandbox::inside("a_refused_command_is_named_and_nothing_is_done") {
        return;
    }
    let here = NetNs::current().expect("own");
    let mut change = Transaction::new(TABLE);
    change.replace_table("").add_chain(Chain::regular("a"));
    change.add_rule(Rule::new("b", [Statement::Counter])).add_chain(Chain::regular("c"));
    let error = change.commit(&here).expect_err("there is no chain b");
    let expected = "nftables: add rule ip ph-test b counter: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), expected);
    assert!(nft::chains(&here, TABLE).expect("none").is_empty());
    assert!(nft::counters(&here, TABLE).expect("none").is_empty());
    Transaction::new(TABLE).commit(&here).expect("nothing to do");
}

#[test]
fn what_is_there_is_read_back_and_mended() {
    if !sandbox::inside("what_is_there_is_read_back_and_mended") {
        return;
    }
    let here = NetNs::current().expect("own");
    let tables = nft::Tables::open(&here).expect("netlink");
    assert_eq!(tables.existing(TABLE).expect("read"), None);
    everything().commit(&here).expect("taken");
    let before = tables.generation().expect("a number");
    let whole = tables.existing(TABLE).expect("read").expect("a table");
    let difference = whole.difference(&everything()).expect("the same sets");
    assert!(difference.change.is_empty() && difference.stale.is_empty(), "{difference:?}");
    let mut spoiled = Transaction::new(TABLE);
    let chain = whole.chains.keys().find(|name| name.contains("web")).expect("a chain").clone();
    spoiled.flush_chain(&chain).add_chain(Chain::regular("old")).add_set(Set::new("older", [Kind::Port]));
    spoiled.commit(&here).expect("taken");
    assert_eq!(tables.generation().expect("a number"), before + 1);
    let difference = tables.existing(TABLE).expect("read").expect("a table").difference(&everything()).expect("sets");
    assert_eq!(difference.stale.iter().collect::<Vec<_>>(), ["old"]);
    assert!(difference.change.to_string().starts_with(&format!("flush chain ip {TABLE} {chain}\n")), "{}", difference.change);
    difference.change.commit(&here).expect("taken");
    let mut removal = Transaction::new(TABLE);
    removal.delete_chain("old").commit(&here).expect("nothing leads to it");
    assert_eq!(tables.existing(TABLE).expect("read"), Some(whole));
}

#[test]
fn many_elements_and_choices_pass() {
    if !sandbox::inside("many_elements_and_choices_pass") {
        return;
    }
    let here = NetNs::current().expect("own");
    let mut change = Transaction::new(TABLE);
    change.replace_table("").add_set(Set::map("many", [Kind::Mark]));
    let names: Vec<String> = (0..3000).map(|number| format!("chain/{number}/{}", "x".repeat(80))).collect();
    for name in &names {
        change.add_chain(Chain::regular(name));
    }
    let elements: Vec<_> = (0..).zip(&names).map(|(mark, name)| Element::new([Datum::Mark(mark)]).verdict(goto(name))).collect();
    change.add_elements("many", elements.clone()).add_chain(Chain::regular("all"));
    change.add_rule(Rule::new("all", [Statement::Spread(Spread::Random, names.iter().map(|name| goto(name)).collect())]));
    change.commit(&here).expect("taken");
    assert_eq!(nft::chains(&here, TABLE).expect("listed").len(), 3001);
    let mut less = Transaction::new(TABLE);
    less.delete_elements("many", elements).flush_chain("all");
    for name in &names {
        less.delete_chain(name);
    }
    less.commit(&here).expect("taken");
    assert_eq!(nft::chains(&here, TABLE).expect("listed"), ["all"]);
}

async fn answers(port: u16) -> tokio::net::TcpListener {
    NetNs::current().expect("own").listen_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).expect("a listener")
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_are_spread_and_counted() {
    if !sandbox::inside("packets_are_spread_and_counted") {
        return;
    }
    let here = NetNs::current().expect("own");
    let links = node_os::link::Links::open(&here).expect("netlink");
    // So that there is a route at all: what is sent there is given another destination before it leaves.
    links.add_address(node_os::link::LOOPBACK, SERVICE.into()).await.expect("an address");
    everything().commit(&here).expect("taken");
    let listeners = [answers(8081).await, answers(8082).await];
    let mut reached = [0_u64; 2];
    for _ in 0..40 {
        let dialled = tokio::time::timeout(Duration::from_secs(5), here.connect_tcp(SocketAddr::from((SERVICE, 80)))).await;
        let mut client = dialled.expect("in time").expect("dialled");
        let (mut served, which) = tokio::select! {
            accepted = listeners[0].accept() => (accepted.expect("accepted").0, 0),
            accepted = listeners[1].accept() => (accepted.expect("accepted").0, 1),
        };
        reached[which] += 1;
        served.write_all(b"x").await.expect("sent");
        assert_eq!(client.read_u8().await.expect("received"), b'x');
    }
    assert!(reached.iter().all(|count| *count > 4), "{reached:?}");
    let counters = nft::counters(&here, TABLE).expect("counted");
    let packets = |chain: &str| counters.iter().find(|c| c.chain == chain).map(|c| (c.packets, c.comment.as_str()));
    assert_eq!(packets("one"), Some((reached[0], "of one")), "of a connection only the first packet is translated by rule");
    assert_eq!(packets("two"), Some((reached[1], "of two")));
    assert_eq!(packets("ns/web/tcp/p80"), Some((40, "of ns/web/tcp/p80")));
}
