//! What the kernel says about a table: its chains, and what its rules have counted.

use super::encode::{GET_CHAIN, GET_RULE, message};
use crate::netfilter::{Attributes, Socket, Writer};
use crate::netns::NetNs;
use nix::libc::ENOENT;
use std::io;

/// A rule that counts. A flush of its chain begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCounter {
    pub chain: String,
    pub comment: String,
    pub packets: u64,
    pub bytes: u64,
}

/// The counting rules of a table, in their order. No such table: none.
pub fn counters(namespace: &NetNs, table: &str) -> io::Result<Vec<RuleCounter>> {
    let rules = dump(namespace, table, GET_RULE, |rule| {
        let counter = rule.nested(4)?.find_map(|(_, expression)| counted(Attributes(expression)));
        let (bytes, packets) = counter?;
        Some(RuleCounter { chain: rule.text(2)?, comment: comment_of(rule.get(7)), packets, bytes })
    });
    rules.map_err(|error| io::Error::new(error.kind(), format!("the counters of {table}: {error}")))
}

/// The names of a table's chains.
pub fn chains(namespace: &NetNs, table: &str) -> io::Result<Vec<String>> {
    dump(namespace, table, GET_CHAIN, |chain| chain.text(3))
}

fn dump<T>(namespace: &NetNs, table: &str, kind: u16, read: impl Fn(Attributes<'_>) -> Option<T>) -> io::Result<Vec<T>> {
    let mut request = Writer::default();
    request.put_text(1, table);
    let ours = |_, body: &[u8]| {
        let attributes = Attributes(body);
        // Not every kernel filters chains by table.
        if attributes.text(1).as_deref() == Some(table) { read(attributes) } else { None }
    };
    match Socket::open(namespace)?.dump(&message(kind, 0, request), ours) {
        Err(error) if error.raw_os_error() == Some(ENOENT) => Ok(Vec::new()),
        other => other,
    }
}

/// Bytes and packets.
fn counted(expression: Attributes<'_>) -> Option<(u64, u64)> {
    let data = expression.nested(2).filter(|_| expression.text(1).as_deref() == Some("counter"))?;
    Some((data.u64(1)?, data.u64(2)?))
}

/// The first note of nft's is the comment.
fn comment_of(notes: Option<&[u8]>) -> String {
    let text = notes.and_then(|notes| notes.get(2..2 + usize::from(*notes.get(1)?)));
    let text = text.map(|text| text.strip_suffix(&[0]).unwrap_or(text)).unwrap_or_default(); // no comment
    String::from_utf8_lossy(text).into_owned()
}
