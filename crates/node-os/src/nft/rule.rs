//! Rules as values: what a packet must be like, and what is done with it.

use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// Transport protocols, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Protocol {
    Tcp = 6,
    Udp = 17,
    Sctp = 132,
}

/// What of a packet is looked up, or spread by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    Source,
    Destination,
    Protocol,
    DestinationPort,
    Mark,
    /// A number below this one, by chance.
    Random(u32),
}

/// Whether a packet that is like this matches, or one that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Test {
    Is,
    IsNot,
}

/// What connection tracking knows of a packet's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum CtState {
    Established = 2,
    New = 8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    Accept,
    Drop,
    Return,
    Jump(String),
    Goto(String),
}

/// How one of several verdicts is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spread {
    /// By chance, for each connection.
    Random,
    /// The same for the same values of these, as long as the number of verdicts does not change.
    Hash(Vec<Field>),
}

/// A part of a rule. The first that does not match ends the rule for the packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Statement {
    Source(Test, Ipv4Net),
    Destination(Test, Ipv4Net),
    Protocol(Protocol),
    DestinationPort(Test, u16),
    InputLink(Test, String),
    /// The source is an address of this namespace.
    SourceIsLocal,
    CtState(Test, CtState),
    /// All bits of the mask are zero (`Is`), or one is not.
    MarkIsZero(Test, u32),
    /// The fields together are an element of the set.
    In(Test, Vec<Field>, String),
    /// Sets bits of the packet's mark.
    MarkOr(u32),
    /// Turns bits of the packet's mark around.
    MarkXor(u32),
    /// Adds the fields to the set, or begins their time anew.
    Update(Vec<Field>, String),
    Counter,
    Verdict(Verdict),
    /// The verdict that the map has for the fields; none: the next rule.
    Lookup(Vec<Field>, String),
    /// The verdict that the second map has for what the first has for the fields. That becomes the packet's priority, which
    /// routing sets anew when it forwards: nft 1.0 does not survive to list a map's value that is used as a key itself.
    Dispatch(Vec<Field>, String, String),
    /// One of these.
    Spread(Spread, Vec<Verdict>),
    /// To another address, and to another port if there is one.
    Dnat(Ipv4Addr, Option<u16>),
    /// To the address and port that the map has for the fields.
    DnatMap(Vec<Field>, String),
    Snat(Ipv4Addr),
    /// From the address of the link that the packet leaves by. With true the port is chosen by chance.
    Masquerade(bool),
    /// Answers that the port is unreachable.
    Reject,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    pub chain: String,
    pub statements: Vec<Statement>,
    /// At most 128 bytes are kept.
    pub comment: String,
}

impl Rule {
    pub fn new(chain: impl Into<String>, statements: impl Into<Vec<Statement>>) -> Self {
        Self { chain: chain.into(), statements: statements.into(), comment: String::new() }
    }

    pub fn comment(self, comment: impl Into<String>) -> Self {
        Self { comment: comment.into(), ..self }
    }
}
