//! Statements as the kernel's expressions (linux/netfilter/nf_tables.h): small steps that work on registers.

use super::{CtState, Field, Rule, Spread, Statement, Test, Verdict};
use crate::netfilter::{Attributes, Writer};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// The first 4-byte register; a value of several fields takes the ones that follow.
const REGISTER: u32 = 8;
const VERDICT_REGISTER: u32 = 0;
const LIST_ELEMENT: u16 = 1;
const LINK_NAME: usize = 16;
const LOCAL: u32 = 2;
/// Of `meta`.
const PRIORITY: u32 = 2;
const MARK: u32 = 3;
/// How `reject` answers: by ICMP.
const ICMP: u32 = 0;
const NAT_RANDOM_FULLY: u32 = 1 << 4;
const PORT_UNREACHABLE: u8 = 3;
/// Any number does: it only has to be the same after a restart.
pub const HASH_SEED: u32 = 0x7068;

/// The name that the kernel makes an anonymous map's name of.
pub const ANONYMOUS: &str = "__map%d";

/// The expressions of a rule, and the verdict maps without a name that it needs, in the order of their identifiers.
pub struct Expressions {
    pub list: Writer,
    pub maps: Vec<(u32, Vec<Verdict>)>,
    next_map: u32,
}

/// `first_map` is the identifier of the next anonymous map of the transaction.
pub fn of_rule(rule: &Rule, first_map: u32) -> Expressions {
    let mut expressions = Expressions { list: Writer::default(), maps: Vec::new(), next_map: first_map };
    rule.statements.iter().for_each(|statement| expressions.statement(statement));
    expressions
}

fn equal(test: Test) -> u32 {
    match test {
        Test::Is => 0,
        Test::IsNot => 1,
    }
}

impl Expressions {
    fn add(&mut self, name: &str, data: impl FnOnce(&mut Writer)) {
        self.list.nest(LIST_ELEMENT, |element| {
            element.put_text(1, name).nest(2, data);
        });
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Source(test, net) => self.network(Field::Source, *test, *net),
            Statement::Destination(test, net) => self.network(Field::Destination, *test, *net),
            Statement::Protocol(protocol) => {
                self.load(Field::Protocol, REGISTER);
                self.compare(Test::Is, &[*protocol as u8]);
            }
            Statement::DestinationPort(test, port) => {
                self.load(Field::DestinationPort, REGISTER);
                self.compare(*test, &port.to_be_bytes());
            }
            Statement::InputLink(test, name) => self.input_link(*test, name),
            Statement::SourceIsLocal => self.source_is_local(),
            Statement::CtState(test, state) => self.ct_state(*test, *state),
            Statement::MarkIsZero(test, mask) => {
                self.load(Field::Mark, REGISTER);
                self.bits(*mask, 0);
                self.compare(*test, &0_u32.to_ne_bytes());
            }
            Statement::In(test, fields, set) => {
                self.load_all(fields);
                self.lookup(set, None, None, *test);
            }
            Statement::MarkOr(mask) => self.set_mark(!mask, *mask),
            Statement::MarkXor(mask) => self.set_mark(u32::MAX, *mask),
            Statement::Update(fields, set) => self.update(fields, set),
            Statement::Lookup(fields, map) => {
                self.load_all(fields);
                self.lookup(map, None, Some(VERDICT_REGISTER), Test::Is);
            }
            Statement::Dispatch(fields, map, verdicts) => {
                self.load_all(fields);
                self.lookup(map, None, Some(REGISTER), Test::Is);
                self.set_meta(PRIORITY);
                self.load_meta(PRIORITY, REGISTER);
                self.lookup(verdicts, None, Some(VERDICT_REGISTER), Test::Is);
            }
            Statement::Spread(by, verdicts) => self.spread(by, verdicts),
            Statement::Counter => {
                self.list.nest(LIST_ELEMENT, write_counter);
            }
            Statement::Verdict(verdict) => self.add("immediate", |data| {
                data.put_u32(1, VERDICT_REGISTER).nest(2, |value| write_verdict(value, verdict));
            }),
            Statement::Dnat(address, port) => self.nat(1, *address, *port),
            Statement::DnatMap(fields, map) => {
                self.load_all(fields);
                self.lookup(map, None, Some(REGISTER), Test::Is);
                self.translate(1, true);
            }
            Statement::Snat(address) => self.nat(0, *address, None),
            Statement::Masquerade(random) => self.masquerade(*random),
            Statement::Reject => self.add("reject", |data| {
                data.put_u32(1, ICMP).put_u8(2, PORT_UNREACHABLE);
            }),
        }
    }

    fn masquerade(&mut self, random: bool) {
        self.add("masq", |data| {
            if random {
                data.put_u32(1, NAT_RANDOM_FULLY);
            }
        });
    }

    fn load_all(&mut self, fields: &[Field]) {
        (REGISTER..).zip(fields).for_each(|(register, field)| self.load(*field, register));
    }

    fn load(&mut self, field: Field, register: u32) {
        // Base (1: network header, 2: transport header), offset and length.
        let (base, offset, length) = match field {
            Field::Source => (1, 12, 4),
            Field::Destination => (1, 16, 4),
            Field::DestinationPort => (2, 2, 2),
            Field::Mark => return self.load_meta(MARK, register),
            Field::Protocol => return self.load_meta(16, register),
            Field::Random(count) => return self.random(register, count),
        };
        self.add("payload", |data| {
            data.put_u32(1, register).put_u32(2, base).put_u32(3, offset).put_u32(4, length);
        });
    }

    fn load_meta(&mut self, key: u32, register: u32) {
        self.add("meta", |data| {
            data.put_u32(1, register).put_u32(2, key);
        });
    }

    fn random(&mut self, register: u32, count: u32) {
        self.add("numgen", |data| {
            data.put_u32(1, register).put_u32(2, count).put_u32(3, 1).put_u32(4, 0);
        });
    }

    fn set_meta(&mut self, key: u32) {
        self.add("meta", |data| {
            data.put_u32(2, key).put_u32(3, REGISTER);
        });
    }

    fn compare(&mut self, test: Test, value: &[u8]) {
        self.add("cmp", |data| {
            data.put_u32(1, REGISTER).put_u32(2, equal(test)).nest(3, |inner| {
                inner.put(1, value);
            });
        });
    }

    /// `register = register & mask ^ xor`; both in the machine's order, as marks are.
    fn bits(&mut self, mask: u32, xor: u32) {
        self.bitwise(mask.to_ne_bytes(), xor.to_ne_bytes());
    }

    fn bitwise(&mut self, mask: [u8; 4], xor: [u8; 4]) {
        self.add("bitwise", |data| {
            data.put_u32(1, REGISTER).put_u32(2, REGISTER).put_u32(3, 4);
            for (kind, bytes) in [(4, mask), (5, xor)] {
                data.nest(kind, |value| {
                    value.put(1, &bytes);
                });
            }
        });
    }

    fn network(&mut self, field: Field, test: Test, net: Ipv4Net) {
        self.load(field, REGISTER);
        if net.prefix_len() < 32 {
            self.bitwise(net.netmask().octets(), [0; 4]);
        }
        self.compare(test, &net.network().octets());
    }

    /// A trailing `*` stands for any ending.
    fn input_link(&mut self, test: Test, name: &str) {
        self.load_meta(6, REGISTER);
        let mut bytes = name.as_bytes().to_vec();
        if bytes.last() == Some(&b'*') {
            bytes.pop();
        } else {
            bytes.resize(LINK_NAME, 0);
        }
        self.compare(test, &bytes);
    }

    fn source_is_local(&mut self) {
        self.add("fib", |data| {
            data.put_u32(1, REGISTER).put_u32(2, 3).put_u32(3, 1);
        });
        self.compare(Test::Is, &LOCAL.to_ne_bytes());
    }

    fn ct_state(&mut self, test: Test, state: CtState) {
        self.add("ct", |data| {
            data.put_u32(1, REGISTER).put_u32(2, 0);
        });
        self.bits(state as u32, 0);
        let none = if test == Test::Is { Test::IsNot } else { Test::Is };
        self.compare(none, &0_u32.to_ne_bytes());
    }

    fn set_mark(&mut self, mask: u32, xor: u32) {
        self.load(Field::Mark, REGISTER);
        self.bits(mask, xor);
        self.set_meta(MARK);
    }

    fn lookup(&mut self, set: &str, id: Option<u32>, destination: Option<u32>, test: Test) {
        self.add("lookup", |data| {
            data.put_text(1, set).put_u32(2, REGISTER);
            if let Some(register) = destination {
                data.put_u32(3, register);
            }
            if let Some(id) = id {
                data.put_u32(4, id);
            }
            if test == Test::IsNot {
                data.put_u32(5, 1);
            }
        });
    }

    fn update(&mut self, fields: &[Field], set: &str) {
        self.load_all(fields);
        self.add("dynset", |data| {
            data.put_text(1, set).put_u32(3, 1).put_u32(4, REGISTER);
        });
    }

    fn spread(&mut self, by: &Spread, verdicts: &[Verdict]) {
        let count = u32::try_from(verdicts.len()).unwrap_or(u32::MAX);
        match by {
            Spread::Random => self.random(REGISTER, count),
            Spread::Hash(fields) => {
                self.load_all(fields);
                let length = u32::try_from(fields.len() * 4).unwrap_or(u32::MAX);
                self.add("hash", |data| {
                    data.put_u32(1, REGISTER).put_u32(2, REGISTER).put_u32(3, length).put_u32(4, count);
                    data.put_u32(5, HASH_SEED).put_u32(6, 0).put_u32(7, 0);
                });
            }
        }
        let id = self.next_map;
        self.next_map += 1;
        self.maps.push((id, verdicts.to_vec()));
        self.lookup(ANONYMOUS, Some(id), Some(VERDICT_REGISTER), Test::Is);
    }

    fn immediate(&mut self, register: u32, value: &[u8]) {
        self.add("immediate", |data| {
            data.put_u32(1, register).nest(2, |inner| {
                inner.put(1, value);
            });
        });
    }

    fn nat(&mut self, kind: u32, address: Ipv4Addr, port: Option<u16>) {
        self.immediate(REGISTER, &address.octets());
        if let Some(port) = port {
            self.immediate(REGISTER + 1, &port.to_be_bytes());
        }
        self.translate(kind, port.is_some());
    }

    /// To the address in the first register, and to the port in the next one.
    fn translate(&mut self, kind: u32, port: bool) {
        self.add("nat", |data| {
            data.put_u32(1, kind).put_u32(2, super::encode::FAMILY.into()).put_u32(3, REGISTER);
            if port {
                data.put_u32(5, REGISTER + 1);
            }
        });
    }
}

/// From nothing.
pub fn write_counter(expression: &mut Writer) {
    expression.put_text(1, "counter").nest(2, |data| {
        data.put_u64(1, 0).put_u64(2, 0);
    });
}

/// As the value of a register or of a map's element.
pub fn write_verdict(value: &mut Writer, verdict: &Verdict) {
    let (code, chain) = match verdict {
        Verdict::Drop => (0, None),
        Verdict::Accept => (1, None),
        Verdict::Jump(chain) => (-3, Some(chain)),
        Verdict::Goto(chain) => (-4, Some(chain)),
        Verdict::Return => (-5_i32, None),
    };
    value.nest(2, |data| {
        data.put_u32(1, code.cast_unsigned());
        if let Some(chain) = chain {
            data.put_text(2, chain);
        }
    });
}

/// What [`write_verdict`] wrote.
pub fn read_verdict(value: Attributes<'_>) -> Option<Verdict> {
    let data = value.nested(2)?;
    Some(match data.u32(1)?.cast_signed() {
        0 => Verdict::Drop,
        1 => Verdict::Accept,
        -3 => Verdict::Jump(data.text(2)?),
        -4 => Verdict::Goto(data.text(2)?),
        -5 => Verdict::Return,
        _ => return None,
    })
}
