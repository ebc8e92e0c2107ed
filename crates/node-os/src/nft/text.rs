//! Everything in nft's own words: for messages, for golden tests, and for people.

use super::encode::chain_type;
use super::{Chain, Command, CtState, Datum, Element, Field, Hook, Kind, Protocol, Rule, Set, Spread, Statement, Test};
use super::{Transaction, Verdict};
use std::fmt::{Display, Formatter, Result};

/// The values with something between them.
struct Joined<'a, T>(&'a [T], &'a str);

impl<T: Display> Display for Joined<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (index, value) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { self.1 };
            write!(f, "{between}{value}")?;
        }
        Ok(())
    }
}

struct Comment<'a>(&'a str);

impl Display for Comment<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        // nft has no way to write a quotation mark inside one.
        if self.0.is_empty() { Ok(()) } else { write!(f, " comment \"{}\"", self.0.replace('"', "'")) }
    }
}

/// Nothing when it is, `!= ` when it is not.
fn unless(test: Test) -> &'static str {
    match test {
        Test::Is => "",
        Test::IsNot => "!= ",
    }
}

impl Display for Protocol {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Random(count) => return write!(f, "numgen random mod {count}"),
            Self::Source => "ip saddr",
            Self::Destination => "ip daddr",
            Self::Protocol => "meta l4proto",
            Self::DestinationPort => "th dport",
            Self::Mark => "meta mark",
        })
    }
}

impl Display for CtState {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Established => "established",
            Self::New => "new",
        })
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Source(test, net) => write!(f, "ip saddr {}{}", unless(*test), Net(*net)),
            Self::Destination(test, net) => write!(f, "ip daddr {}{}", unless(*test), Net(*net)),
            Self::Protocol(protocol) => write!(f, "meta l4proto {protocol}"),
            Self::DestinationPort(test, port) => write!(f, "th dport {}{port}", unless(*test)),
            Self::InputLink(test, name) => write!(f, "iifname {}\"{name}\"", unless(*test)),
            Self::SourceIsLocal => f.write_str("fib saddr type local"),
            Self::CtState(Test::Is, state) => write!(f, "ct state {state}"),
            // Without the bit. `!=` would be a comparison of the whole value.
            Self::CtState(Test::IsNot, state) => write!(f, "ct state ! {state}"),
            Self::MarkIsZero(Test::Is, mask) => write!(f, "meta mark & {mask:#010x} == 0x00000000"),
            Self::MarkIsZero(Test::IsNot, mask) => write!(f, "meta mark & {mask:#010x} != 0x00000000"),
            Self::In(test, fields, set) => write!(f, "{} {}@{set}", Joined(fields, " . "), unless(*test)),
            Self::MarkOr(mask) => write!(f, "meta mark set meta mark | {mask:#010x}"),
            Self::MarkXor(mask) => write!(f, "meta mark set meta mark ^ {mask:#010x}"),
            Self::Update(fields, set) => write!(f, "update @{set} {{ {} }}", Joined(fields, " . ")),
            Self::Lookup(fields, map) => write!(f, "{} vmap @{map}", Joined(fields, " . ")),
            Self::Dispatch(fields, map, verdicts) => {
                write!(f, "meta priority set {} map @{map} meta priority vmap @{verdicts}", Joined(fields, " . "))
            }
            Self::Spread(by, verdicts) => write_spread(f, by, verdicts),
            Self::Counter => f.write_str("counter"),
            Self::Verdict(verdict) => verdict.fmt(f),
            Self::Dnat(address, Some(port)) => write!(f, "dnat to {address}:{port}"),
            Self::Dnat(address, None) => write!(f, "dnat to {address}"),
            Self::DnatMap(fields, map) => write!(f, "dnat ip to {} map @{map}", Joined(fields, " . ")),
            Self::Snat(address) => write!(f, "snat to {address}"),
            Self::Masquerade(random) => f.write_str(if *random { "masquerade fully-random" } else { "masquerade" }),
            Self::Reject => f.write_str("reject"),
        }
    }
}

/// A whole address has no prefix length.
struct Net(ipnet::Ipv4Net);

impl Display for Net {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0.prefix_len() == 32 { self.0.addr().fmt(f) } else { self.0.trunc().fmt(f) }
    }
}

fn write_spread(f: &mut Formatter<'_>, by: &Spread, verdicts: &[Verdict]) -> Result {
    match by {
        Spread::Random => f.write_str("numgen random")?,
        Spread::Hash(fields) => write!(f, "jhash {}", Joined(fields, " . "))?,
    }
    write!(f, " mod {}", verdicts.len())?;
    if let Spread::Hash(_) = by {
        write!(f, " seed {:#x}", super::expressions::HASH_SEED)?;
    }
    let choices: Vec<String> = verdicts.iter().enumerate().map(|(key, verdict)| format!("{key} : {verdict}")).collect();
    write!(f, " vmap {{ {} }}", Joined(&choices, ", "))
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {}{}", self.chain, Joined(&self.statements, " "), Comment(&self.comment))
    }
}

impl Display for Datum {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Protocol(protocol) => protocol.fmt(f),
            Self::Port(port) => port.fmt(f),
            Self::Mark(mark) => write!(f, "{mark:#010x}"),
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Address => "ipv4_addr",
            Self::Protocol => "inet_proto",
            Self::Port => "inet_service",
            Self::Mark => "mark",
        })
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}{}", Joined(&self.key, " . "), Comment(&self.comment))?;
        match (&self.verdict, self.data.as_slice()) {
            (Some(verdict), _) => write!(f, " : {verdict}"),
            (None, []) => Ok(()),
            (None, data) => write!(f, " : {}", Joined(data, " . ")),
        }
    }
}

impl Display for Hook {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        })
    }
}

impl Display for Chain {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.name)?;
        let comment = if self.comment.is_empty() { String::new() } else { format!("{} ;", Comment(&self.comment)) };
        match self.base {
            Some((kind, hook, priority)) => {
                let kind = chain_type(kind);
                write!(f, " {{ type {kind} hook {hook} priority {priority} ; policy accept ;{comment} }}")
            }
            None if comment.is_empty() => Ok(()),
            None => write!(f, " {{{comment} }}"),
        }
    }
}

impl Display for Set {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {{ type {}", self.name, Joined(&self.key, " . "))?;
        match self.data.as_slice() {
            [] => f.write_str(if self.verdicts { " : verdict ;" } else { " ;" })?,
            data => write!(f, " : {} ;", Joined(data, " . "))?,
        }
        if self.counted {
            f.write_str(" counter ;")?;
        }
        if let Some(timeout) = self.timeout {
            write!(f, " flags dynamic,timeout ; timeout {}s ;", timeout.as_secs())?;
        }
        if !self.comment.is_empty() {
            write!(f, "{} ;", Comment(&self.comment))?;
        }
        f.write_str(" }")
    }
}

impl Transaction {
    /// One of the commands in nft's words.
    pub(super) fn words(&self, index: usize) -> String {
        let table = &self.table;
        match &self.commands[index] {
            Command::AddTable { comment } if comment.is_empty() => format!("add table ip {table}"),
            Command::AddTable { comment } => format!("add table ip {table} {{{} ; }}", Comment(comment)),
            Command::DeleteTable => format!("delete table ip {table}"),
            Command::AddChain(chain) => format!("add chain ip {table} {chain}"),
            Command::FlushChain(chain) => format!("flush chain ip {table} {chain}"),
            Command::DeleteChain(chain) => format!("delete chain ip {table} {chain}"),
            Command::AddSet(set) if set.verdicts || !set.data.is_empty() => format!("add map ip {table} {set}"),
            Command::AddSet(set) => format!("add set ip {table} {set}"),
            Command::DeleteSet(set) => format!("delete set ip {table} {set}"),
            Command::AddElements(set, elements) => format!("add element ip {table} {set} {{ {} }}", Joined(elements, ", ")),
            Command::DeleteElements(set, elements) => {
                format!("delete element ip {table} {set} {{ {} }}", Joined(elements, ", "))
            }
            Command::AddRule(rule) => format!("add rule ip {table} {rule}"),
        }
    }
}

/// A script that `nft -f` takes, but for a number by chance as a part of a key: nft only lists that, in these words.
impl Display for Transaction {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        (0..self.commands.len()).try_for_each(|index| writeln!(f, "{}", self.words(index)))
    }
}
