//! What the kernel says about a table: its chains, and what its rules have counted.

use super::elements::{note_of, text_of};
use super::encode::{GET_CHAIN, GET_ELEMENTS, GET_RULE, GET_SET};
use super::existing::{element, named_set};
use super::{Element, Set, Tables};
use crate::netfilter::Attributes;
use crate::netns::NetNs;
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
    let rules = Tables::open(namespace)?.dump(table, None, GET_RULE, |rule| {
        let counter = rule.nested(4)?.find_map(|(_, expression)| counted(Attributes(expression)));
        let (bytes, packets) = counter?;
        let comment = rule.get(7).and_then(|notes| note_of(notes, 0)).map(text_of);
        Some(RuleCounter { chain: rule.text(2)?, comment: comment.unwrap_or_default(), packets, bytes }) // none
    });
    rules.map_err(|error| io::Error::new(error.kind(), format!("the counters of {table}: {error}")))
}

/// An element of a map or set that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementCounter {
    pub set: String,
    pub element: Element,
    pub packets: u64,
}

/// The counting elements of a table. No such table: none.
pub fn element_counters(namespace: &NetNs, table: &str) -> io::Result<Vec<ElementCounter>> {
    let tables = Tables::open(namespace)?;
    let mut all = Vec::new();
    for (_, set) in tables.dump(table, None, GET_SET, named_set)? {
        let Some(set) = set.filter(|set| set.counted) else { continue };
        let read =
            |list: Attributes<'_>| Some(list.nested(3)?.filter_map(|(_, one)| of_element(&set, Attributes(one))).collect());
        let lists: Vec<Vec<ElementCounter>> = tables.dump(table, Some(&set.name), GET_ELEMENTS, read)?;
        all.extend(lists.into_iter().flatten());
    }
    Ok(all)
}

fn of_element(set: &Set, one: Attributes<'_>) -> Option<ElementCounter> {
    let (_, packets) = counted(one.nested(7)?)?;
    Some(ElementCounter { set: set.name.clone(), element: element(set, one)?, packets })
}

/// The names of a table's chains.
pub fn chains(namespace: &NetNs, table: &str) -> io::Result<Vec<String>> {
    Tables::open(namespace)?.dump(table, None, GET_CHAIN, |chain| chain.text(3))
}

/// Bytes and packets.
fn counted(expression: Attributes<'_>) -> Option<(u64, u64)> {
    let data = expression.nested(2).filter(|_| expression.text(1).as_deref() == Some("counter"))?;
    Some((data.u64(1)?, data.u64(2)?))
}
