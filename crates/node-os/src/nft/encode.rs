//! Transactions as netlink messages.

use super::elements::{comment, note, write_anonymous, write_choices, write_elements, write_set};
use super::existing::{NOTE_FINGERPRINT, fingerprint};
use super::{Chain, ChainType, Command, Rule, Transaction, expressions};
use crate::netfilter::{Message, Writer};

pub const SUBSYSTEM: u16 = 10;
/// NFPROTO_IPV4.
pub const FAMILY: u8 = 2;

pub const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
pub const NEW_CHAIN: u16 = 3;
pub const GET_CHAIN: u16 = 4;
const DELETE_CHAIN: u16 = 5;
pub const NEW_RULE: u16 = 6;
pub const GET_RULE: u16 = 7;
const DELETE_RULE: u16 = 8;
const NEW_SET: u16 = 9;
pub const GET_SET: u16 = 10;
const DELETE_SET: u16 = 11;
const NEW_ELEMENTS: u16 = 12;
pub const GET_ELEMENTS: u16 = 13;
const DELETE_ELEMENTS: u16 = 14;
pub const GET_GENERATION: u16 = 16;

/// What becomes of packets that no rule of a base chain decides about.
const ACCEPT: u32 = 1;

const CREATE: u16 = 0x400;
/// For rules: behind the ones there are.
const APPEND: u16 = 0x800;

pub fn message(kind: u16, flags: u16, attributes: Writer) -> Message {
    Message { kind: SUBSYSTEM << 8 | kind, flags, family: FAMILY, attributes }
}

/// The messages, and for each the command it is of.
pub fn messages(transaction: &Transaction) -> (Vec<Message>, Vec<usize>) {
    let mut encoder = Encoder { table: &transaction.table, messages: Vec::new(), next_set: 1 };
    let mut origins = Vec::new();
    for (index, command) in transaction.commands.iter().enumerate() {
        encoder.command(command);
        origins.resize(encoder.messages.len(), index);
    }
    (encoder.messages, origins)
}

struct Encoder<'a> {
    table: &'a str,
    messages: Vec<Message>,
    /// Sets are numbered within a transaction.
    next_set: u32,
}

impl Encoder<'_> {
    fn command(&mut self, command: &Command) {
        match command {
            Command::AddTable { comment: text } => self.push(NEW_TABLE, CREATE, |out| {
                out.put_u32(2, 0);
                if !text.is_empty() {
                    out.put(6, &comment(0, text));
                }
            }),
            Command::DeleteTable => self.push(DELETE_TABLE, 0, |_| {}),
            Command::AddChain(chain) => self.push(NEW_CHAIN, CREATE, |out| write_chain(out, chain)),
            Command::FlushChain(name) => self.named(DELETE_RULE, 2, name),
            Command::DeleteChain(name) => self.named(DELETE_CHAIN, 3, name),
            Command::AddSet(set) => {
                let (mut out, id) = (Writer::default(), self.set_number());
                write_set(&mut out, self.table, set, id);
                self.messages.push(message(NEW_SET, CREATE, out));
            }
            Command::DeleteSet(name) => self.named(DELETE_SET, 2, name),
            Command::AddElements(set, elements) => {
                let lists = write_elements(self.table, set, elements);
                self.messages.extend(lists.into_iter().map(|list| message(NEW_ELEMENTS, CREATE, list)));
            }
            Command::DeleteElements(set, elements) => {
                let lists = write_elements(self.table, set, elements);
                self.messages.extend(lists.into_iter().map(|list| message(DELETE_ELEMENTS, 0, list)));
            }
            Command::AddRule(rule) => self.rule(rule),
        }
    }

    fn push(&mut self, kind: u16, flags: u16, write: impl FnOnce(&mut Writer)) {
        let mut out = Writer::default();
        out.put_text(1, self.table);
        write(&mut out);
        self.messages.push(message(kind, flags, out));
    }

    fn named(&mut self, kind: u16, attribute: u16, name: &str) {
        self.push(kind, 0, |out| {
            out.put_text(attribute, name);
        });
    }

    fn set_number(&mut self) -> u32 {
        self.next_set += 1;
        self.next_set - 1
    }

    fn rule(&mut self, rule: &Rule) {
        let expressions = expressions::of_rule(rule, self.next_set);
        for (id, verdicts) in &expressions.maps {
            self.next_set = id + 1;
            let mut out = Writer::default();
            write_anonymous(&mut out, self.table, *id);
            self.messages.push(message(NEW_SET, CREATE, out));
            let choices = write_choices(self.table, *id, verdicts);
            self.messages.extend(choices.into_iter().map(|list| message(NEW_ELEMENTS, CREATE, list)));
        }
        self.push(NEW_RULE, CREATE | APPEND, |out| {
            out.put_text(2, &rule.chain).nest(4, |list| {
                list.raw(expressions.list.bytes());
            });
            let mut notes = if rule.comment.is_empty() { Vec::new() } else { comment(0, &rule.comment) };
            note(&mut notes, NOTE_FINGERPRINT, &fingerprint(rule).to_ne_bytes());
            out.put(7, &notes);
        });
    }
}

fn write_chain(out: &mut Writer, chain: &Chain) {
    out.put_text(3, &chain.name);
    if let Some((kind, hook, priority)) = chain.base {
        out.nest(4, |inner| {
            inner.put_u32(1, hook as u32).put_u32(2, priority.cast_unsigned());
        });
        out.put_u32(5, ACCEPT).put_text(7, chain_type(kind));
    }
    if !chain.comment.is_empty() {
        out.put(12, &comment(0, &chain.comment));
    }
}

pub fn chain_type(kind: ChainType) -> &'static str {
    match kind {
        ChainType::Filter => "filter",
        ChainType::Nat => "nat",
    }
}
