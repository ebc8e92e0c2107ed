//! Values made from shapes, the same for the same seed.

use aws_wire::Model;
use aws_wire::model::{Location, Member, Shape, ShapeKind};
use serde_json::{Map, Value, json};

const TEXTS: [&str; 6] = ["plain", "two words", "a/b+c=d&e%f", "<x> \"y\" 'z'", "héllo ☃", "line\nbreak\ttab"];
const MAX_DEPTH: usize = 7;

/// splitmix64.
pub struct Sampler<'a> {
    pub model: &'a Model,
    pub state: u64,
}

impl Sampler<'_> {
    fn next(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    /// Some members of a structure; nothing that a form cannot say (an empty structure).
    pub fn structure(&mut self, shape: &Shape, depth: usize) -> Map<String, Value> {
        let mut fields = Map::new();
        for member in &shape.members {
            let needed = member.required || member.location == Some(Location::Uri);
            if !needed && (self.next(4) == 0 || (depth > 3 && self.next(2) == 0)) {
                continue;
            }
            if let Some(value) = self.member(member, depth + 1) {
                fields.insert(member.name.clone(), value);
            }
        }
        fields
    }

    fn member(&mut self, member: &Member, depth: usize) -> Option<Value> {
        let shape = self.model.shape(member.shape);
        if shape.event_stream {
            return None;
        }
        match shape.kind {
            _ if member.location.is_some() && shape.kind == ShapeKind::String && shape.values.is_empty() => {
                Some(Value::from(TEXTS[self.next(4) as usize]))
            }
            ShapeKind::Structure | ShapeKind::List | ShapeKind::Map if depth > MAX_DEPTH => None,
            ShapeKind::Structure => Some(self.structure(shape, depth)).filter(|fields| !fields.is_empty()).map(Value::Object),
            ShapeKind::List => {
                let count = 1 + self.next(2);
                let items: Vec<Value> = (0..count).filter_map(|_| self.member(shape.member.as_ref()?, depth + 1)).collect();
                (!items.is_empty()).then_some(Value::Array(items))
            }
            ShapeKind::Map => {
                let key = TEXTS[self.next(TEXTS.len() as u64) as usize];
                Some(json!({key: self.member(shape.value.as_ref()?, depth + 1)?}))
            }
            _ => Some(self.scalar(shape)),
        }
    }

    fn scalar(&mut self, shape: &Shape) -> Value {
        match shape.kind {
            ShapeKind::Boolean => Value::from(self.next(2) == 0),
            ShapeKind::Integer => Value::from(self.next(1 << 31)),
            ShapeKind::Long => Value::from(self.next(1 << 40)),
            ShapeKind::Float | ShapeKind::Double => Value::from([0.5, 1.25, 3.75][self.next(3) as usize]),
            ShapeKind::Timestamp => Value::from(1_000_000_000 + self.next(900_000_000)),
            ShapeKind::Blob => Value::from("AQIDBA=="),
            _ if shape.values.is_empty() => Value::from(TEXTS[self.next(TEXTS.len() as u64) as usize]),
            _ => Value::from(shape.values[self.next(shape.values.len() as u64) as usize].as_str()),
        }
    }
}
