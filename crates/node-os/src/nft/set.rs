//! Named sets, and maps from values to verdicts.

use super::{Protocol, Verdict};
use std::net::Ipv4Addr;
use std::time::Duration;

/// The kinds of values, which nft has numbers and lengths for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Address,
    Protocol,
    Port,
    Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Datum {
    Address(Ipv4Addr),
    Protocol(Protocol),
    Port(u16),
    Mark(u32),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Set {
    pub name: String,
    pub key: Vec<Kind>,
    /// A map: each element has a verdict.
    pub verdicts: bool,
    /// A map: each element has these. Empty: none.
    pub data: Vec<Kind>,
    /// Each element counts the packets that met it.
    pub counted: bool,
    /// Elements go after this time. Packets add them ([`super::Statement::Update`]).
    pub timeout: Option<Duration>,
    pub comment: String,
}

impl Set {
    pub fn new(name: impl Into<String>, key: impl Into<Vec<Kind>>) -> Self {
        Self {
            name: name.into(),
            key: key.into(),
            verdicts: false,
            data: Vec::new(),
            counted: false,
            timeout: None,
            comment: String::new(),
        }
    }

    /// A map to verdicts.
    pub fn map(name: impl Into<String>, key: impl Into<Vec<Kind>>) -> Self {
        Self { verdicts: true, ..Self::new(name, key) }
    }

    /// A map to values.
    pub fn data(self, data: impl Into<Vec<Kind>>) -> Self {
        Self { data: data.into(), ..self }
    }

    pub fn counted(self) -> Self {
        Self { counted: true, ..self }
    }

    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    pub fn comment(self, comment: impl Into<String>) -> Self {
        Self { comment: comment.into(), ..self }
    }
}

/// An element of a set, or of a map when it has a verdict or data.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Element {
    pub key: Vec<Datum>,
    pub verdict: Option<Verdict>,
    pub data: Vec<Datum>,
    /// At most 128 bytes are kept.
    pub comment: String,
}

impl Element {
    pub fn new(key: impl Into<Vec<Datum>>) -> Self {
        Self { key: key.into(), verdict: None, data: Vec::new(), comment: String::new() }
    }

    pub fn verdict(self, verdict: Verdict) -> Self {
        Self { verdict: Some(verdict), ..self }
    }

    pub fn data(self, data: impl Into<Vec<Datum>>) -> Self {
        Self { data: data.into(), ..self }
    }

    pub fn comment(self, comment: impl Into<String>) -> Self {
        Self { comment: comment.into(), ..self }
    }
}
