//! Sets and their elements in the kernel's words.

use super::expressions::{ANONYMOUS, write_counter, write_verdict};
use super::{Datum, Element, Kind, Protocol, Set, Verdict};
use crate::netfilter::Writer;
use std::net::Ipv4Addr;

const FLAG_ANONYMOUS: u32 = 1;
const FLAG_CONSTANT: u32 = 2;
const FLAG_MAP: u32 = 8;
const FLAG_TIMEOUT: u32 = 0x10;
const FLAG_DYNAMIC: u32 = 0x20;
pub const VERDICT_TYPE: u32 = 0xffff_ff00;
const INTEGER_TYPE: u32 = 4;
/// nft's numbers of types: how much a concatenation shifts for each.
const TYPE_BITS: u32 = 6;
/// An attribute holds 64 KiB: lists of elements are cut well below.
const CHUNK: usize = 32 << 10;
/// What nft cuts comments to.
const COMMENT: usize = 128;

/// nft's own notes on an object (libnftnl/udata.h).
const NOTE_KEY_ORDER: u8 = 0;
const NOTE_DATA_ORDER: u8 = 1;
pub const NOTE_SET_COMMENT: u8 = 7;
const HOST_ORDER: u32 = 1;

impl Kind {
    /// nft's `enum datatypes`; the kernel only keeps them, `nft list` needs them.
    fn number(self) -> u32 {
        match self {
            Self::Address => 7,
            Self::Protocol => 12,
            Self::Port => 13,
            Self::Mark => 19,
        }
    }
}

fn key_type(kinds: &[Kind]) -> u32 {
    kinds.iter().fold(0, |sum, kind| sum << TYPE_BITS | kind.number())
}

/// A lone value has its own length; in a concatenation each takes whole registers.
fn key_length(kinds: &[Kind]) -> u32 {
    match kinds {
        [Kind::Protocol] => 1,
        [Kind::Port] => 2,
        _ => u32::try_from(kinds.len() * 4).unwrap_or(u32::MAX),
    }
}

pub fn key_bytes(key: &[Datum]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() * 4);
    for datum in key {
        match datum {
            Datum::Address(address) => bytes.extend_from_slice(&address.octets()),
            Datum::Protocol(protocol) => bytes.push(*protocol as u8),
            Datum::Port(port) => bytes.extend_from_slice(&port.to_be_bytes()),
            Datum::Mark(mark) => bytes.extend_from_slice(&mark.to_ne_bytes()),
        }
        if key.len() > 1 {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
    }
    bytes
}

/// The kinds that `key_type` made a number of.
pub fn kinds_of(mut number: u32) -> Option<Vec<Kind>> {
    let mut kinds = Vec::new();
    while number != 0 {
        let last = number & ((1 << TYPE_BITS) - 1);
        kinds.push([Kind::Address, Kind::Protocol, Kind::Port, Kind::Mark].into_iter().find(|kind| kind.number() == last)?);
        number >>= TYPE_BITS;
    }
    kinds.reverse();
    Some(kinds)
}

/// What `key_bytes` wrote.
pub fn read_key(kinds: &[Kind], bytes: &[u8]) -> Option<Vec<Datum>> {
    let pieces = bytes.chunks(4).zip(kinds).map(|(piece, kind)| {
        Some(match kind {
            Kind::Address => Datum::Address(Ipv4Addr::from(<[u8; 4]>::try_from(piece).ok()?)),
            Kind::Protocol => {
                let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
                Datum::Protocol(protocols.into_iter().find(|protocol| Some(&(*protocol as u8)) == piece.first())?)
            }
            Kind::Port => Datum::Port(u16::from_be_bytes(piece.get(..2)?.try_into().ok()?)),
            Kind::Mark => Datum::Mark(u32::from_ne_bytes(piece.try_into().ok()?)),
        })
    });
    pieces.collect::<Option<Vec<_>>>().filter(|key| key.len() == kinds.len())
}

/// The note of this kind.
pub fn note_of(mut notes: &[u8], wanted: u8) -> Option<&[u8]> {
    while let [kind, length, rest @ ..] = notes {
        let value = rest.get(..usize::from(*length))?;
        if *kind == wanted {
            return Some(value);
        }
        notes = &rest[value.len()..];
    }
    None
}

/// A comment without the zero at its end.
pub fn text_of(note: &[u8]) -> String {
    String::from_utf8_lossy(note.strip_suffix(&[0]).unwrap_or(note)).into_owned()
}

/// A note in nft's form: kind, length, value.
pub fn note(notes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    notes.push(kind);
    notes.push(u8::try_from(value.len()).unwrap_or(0)); // all are short
    notes.extend_from_slice(value);
}

/// A comment as a note of this kind. Cut at a character's end.
pub fn comment(kind: u8, text: &str) -> Vec<u8> {
    let end = (0..=text.len().min(COMMENT - 1)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let mut notes = Vec::new();
    note(&mut notes, kind, &[&text.as_bytes()[..end], &[0]].concat());
    notes
}

pub fn write_set(out: &mut Writer, table: &str, set: &Set, id: u32) {
    let mut flags = if set.verdicts || !set.data.is_empty() { FLAG_MAP } else { 0 };
    if set.timeout.is_some() {
        flags |= FLAG_TIMEOUT | FLAG_DYNAMIC;
    }
    out.put_text(1, table).put_text(2, &set.name).put_u32(3, flags);
    out.put_u32(4, key_type(&set.key)).put_u32(5, key_length(&set.key));
    if set.verdicts {
        out.put_u32(6, VERDICT_TYPE).put_u32(7, 0);
    } else if !set.data.is_empty() {
        out.put_u32(6, key_type(&set.data)).put_u32(7, key_length(&set.data));
    }
    out.put_u32(10, id);
    if set.counted {
        out.nest(17, write_counter);
    }
    if let Some(timeout) = set.timeout {
        out.put_u64(11, u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    }
    let mut notes = Vec::new();
    for (kind, values) in [(NOTE_KEY_ORDER, &set.key), (NOTE_DATA_ORDER, &set.data)] {
        if values[..] == [Kind::Mark] {
            note(&mut notes, kind, &HOST_ORDER.to_ne_bytes());
        }
    }
    if !set.comment.is_empty() {
        notes.extend(comment(NOTE_SET_COMMENT, &set.comment));
    }
    if !notes.is_empty() {
        out.put(13, &notes);
    }
}

/// The map that a rule chooses its verdict from: keys are 0, 1, 2 ...
pub fn write_anonymous(out: &mut Writer, table: &str, id: u32) {
    let mut notes = Vec::new();
    note(&mut notes, NOTE_KEY_ORDER, &HOST_ORDER.to_ne_bytes());
    out.put_text(1, table).put_text(2, ANONYMOUS).put_u32(3, FLAG_ANONYMOUS | FLAG_CONSTANT | FLAG_MAP);
    out.put_u32(4, INTEGER_TYPE).put_u32(5, 4).put_u32(6, VERDICT_TYPE).put_u32(7, 0);
    out.put_u32(10, id).put(13, &notes);
}

fn element(key: &[u8], verdict: Option<&Verdict>, data: &[Datum], text: &str) -> Writer {
    let mut writer = Writer::default();
    writer.nest(1, |element| {
        element.nest(1, |value| {
            value.put(1, key);
        });
        if let Some(verdict) = verdict {
            element.nest(2, |value| write_verdict(value, verdict));
        } else if !data.is_empty() {
            element.nest(2, |value| {
                value.put(1, &key_bytes(data));
            });
        }
        if !text.is_empty() {
            element.put(6, &comment(0, text));
        }
    });
    writer
}

/// Lists of elements, each as the attributes of one message.
pub fn write_elements(table: &str, set: &str, elements: &[Element]) -> Vec<Writer> {
    chunks(table, set, None, elements.iter().map(|e| element(&key_bytes(&e.key), e.verdict.as_ref(), &e.data, &e.comment)))
}

pub fn write_choices(table: &str, id: u32, verdicts: &[Verdict]) -> Vec<Writer> {
    let keyed = (0_u32..).zip(verdicts);
    chunks(table, ANONYMOUS, Some(id), keyed.map(|(key, verdict)| element(&key.to_ne_bytes(), Some(verdict), &[], "")))
}

fn chunks(table: &str, set: &str, id: Option<u32>, elements: impl Iterator<Item = Writer>) -> Vec<Writer> {
    let mut lists: Vec<Vec<u8>> = Vec::new();
    for element in elements {
        match lists.last_mut().filter(|list| list.len() + element.bytes().len() <= CHUNK) {
            Some(list) => list.extend_from_slice(element.bytes()),
            None => lists.push(element.into_bytes()),
        }
    }
    let message = |list: Vec<u8>| {
        let mut out = Writer::default();
        out.put_text(1, table).put_text(2, set).nest(3, |elements| {
            elements.raw(&list);
        });
        if let Some(id) = id {
            out.put_u32(4, id);
        }
        out
    };
    lists.into_iter().map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::Protocol;
    use std::net::Ipv4Addr;

    fn kind_of(datum: &Datum) -> Kind {
        match datum {
            Datum::Address(_) => Kind::Address,
            Datum::Protocol(_) => Kind::Protocol,
            Datum::Port(_) => Kind::Port,
            Datum::Mark(_) => Kind::Mark,
        }
    }

    #[test]
    fn keys_fill_registers() {
        let (address, protocol, port) =
            (Datum::Address(Ipv4Addr::new(10, 0, 0, 1)), Datum::Protocol(Protocol::Tcp), Datum::Port(80));
        let cases: [(&[Datum], &[u8]); 4] = [
            (&[address, protocol, port], &[10, 0, 0, 1, 6, 0, 0, 0, 0, 80, 0, 0]),
            (&[protocol, port], &[6, 0, 0, 0, 0, 80, 0, 0]),
            (&[port], &[0, 80]),
            (&[protocol], &[6]),
        ];
        for (key, expected) in cases {
            assert_eq!(key_bytes(key), expected, "{key:?}");
            let kinds: Vec<Kind> = key.iter().map(kind_of).collect();
            assert_eq!(read_key(&kinds, expected).as_deref(), Some(key));
            assert_eq!(kinds_of(key_type(&kinds)), Some(kinds));
        }
        assert_eq!(key_type(&[Kind::Address, Kind::Protocol, Kind::Port]), 0x7_30d);
    }

    #[test]
    fn comments_are_cut_between_characters() {
        let long = format!("{}{}", "a".repeat(126), "äöü");
        let notes = comment(0, &long);
        assert_eq!((notes[0], notes[1], notes.len()), (0, 127, 129));
        assert_eq!(std::str::from_utf8(&notes[2..128]), Ok(&long[..126]));
    }

    #[test]
    fn notes_are_found_by_their_kind() {
        let mut notes = comment(0, "web");
        note(&mut notes, 9, &[1, 2]);
        assert_eq!(note_of(&notes, 0).map(text_of).as_deref(), Some("web"));
        assert_eq!((note_of(&notes, 9), note_of(&notes, 7)), (Some(&[1, 2][..]), None));
        assert_eq!((note_of(&[9, 5, 1], 9), note_of(&[9], 9)), (None, None));
    }

    #[test]
    fn long_lists_are_cut() {
        let elements: Vec<_> = (0..2000).map(|port| Element::new([Datum::Port(port)]).comment("x".repeat(60))).collect();
        let lists = write_elements("t", "s", &elements);
        assert!(lists.len() > 3, "{}", lists.len());
        assert!(lists.iter().all(|list| list.bytes().len() < CHUNK + 256));
        assert!(write_elements("t", "s", &[]).is_empty());
    }
}
