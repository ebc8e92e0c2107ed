//! What the kernel has of a table, read back: for whoever takes over what a process before it left.

use super::elements::{NOTE_SET_COMMENT, VERDICT_TYPE, kinds_of, note_of, read_key, text_of};
use super::encode::{GET_CHAIN, GET_ELEMENTS, GET_RULE, GET_SET};
use super::expressions::read_verdict;
use super::{Element, Rule, Set, Tables};
use crate::netfilter::Attributes;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

const FLAG_ANONYMOUS: u32 = 1;
const FLAG_MAP: u32 = 8;
/// A note on a rule that nft does not know and passes over: what the rule says, as one number.
pub const NOTE_FINGERPRINT: u8 = 100;
/// FNV-1a.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// A table as far as this module can have written it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Existing {
    /// The rules of each chain in their order, by what they say. None: another program's rule.
    pub chains: BTreeMap<String, Vec<Option<u64>>>,
    /// None: a set of a kind that is never made here.
    pub sets: BTreeMap<String, Option<Set>>,
    /// Of each set, but for those that packets fill.
    pub elements: BTreeMap<String, Vec<Element>>,
}

/// The same for rules that are the same.
pub fn fingerprint(rule: &Rule) -> u64 {
    let words = rule.statements.iter().map(ToString::to_string).chain([rule.comment.clone()]);
    let bytes = words.flat_map(|word| word.into_bytes().into_iter().chain([0]));
    bytes.fold(OFFSET, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(PRIME))
}

impl Tables {
    /// None: there is no such table.
    pub fn existing(&self, table: &str) -> io::Result<Option<Existing>> {
        let names = self.dump(table, None, GET_CHAIN, |chain| chain.text(3))?;
        let mut found = Existing { chains: names.into_iter().map(|name| (name, Vec::new())).collect(), ..Existing::default() };
        for (chain, print) in self.dump(table, None, GET_RULE, |rule| Some((rule.text(2)?, print_of(rule))))? {
            found.chains.entry(chain).or_default().push(print);
        }
        found.sets = self.dump(table, None, GET_SET, named_set)?.into_iter().collect();
        for set in found.sets.values().flatten().filter(|set| set.timeout.is_none()) {
            let lists = self.dump(table, Some(&set.name), GET_ELEMENTS, |list| elements(set, list))?;
            found.elements.insert(set.name.clone(), lists.concat());
        }
        Ok(if found.chains.is_empty() && found.sets.is_empty() { None } else { Some(found) })
    }
}

fn elements(set: &Set, list: Attributes<'_>) -> Option<Vec<Element>> {
    Some(list.nested(3)?.filter_map(|(_, one)| element(set, Attributes(one))).collect())
}

fn print_of(rule: Attributes<'_>) -> Option<u64> {
    note_of(rule.get(7)?, NOTE_FINGERPRINT)?.try_into().ok().map(u64::from_ne_bytes)
}

/// A set that has a name, and what it is.
pub fn named_set(set: Attributes<'_>) -> Option<(String, Option<Set>)> {
    let (name, flags) = (set.text(2)?, set.u32(3).unwrap_or(0)); // a plain set has none
    let known = || {
        let (map, kind) = (flags & FLAG_MAP != 0, set.u32(6));
        let comment = set.get(13).and_then(|notes| note_of(notes, NOTE_SET_COMMENT)).map(text_of);
        Some(Set {
            name: name.clone(),
            key: kinds_of(set.u32(4)?)?,
            verdicts: map && kind == Some(VERDICT_TYPE),
            data: kind.filter(|kind| map && *kind != VERDICT_TYPE).map_or(Some(Vec::new()), kinds_of)?,
            counted: set.get(17).is_some(),
            timeout: set.u64(11).map(Duration::from_millis),
            comment: comment.unwrap_or_default(), // none
        })
    };
    (flags & FLAG_ANONYMOUS == 0).then(|| (name.clone(), known()))
}

pub fn element(set: &Set, element: Attributes<'_>) -> Option<Element> {
    let value = element.nested(2);
    let data = value.and_then(|value| read_key(&set.data, value.get(1)?));
    let comment = element.get(6).and_then(|notes| note_of(notes, 0)).map(text_of);
    Some(Element {
        key: read_key(&set.key, element.nested(1)?.get(1)?)?,
        verdict: value.and_then(read_verdict),
        data: data.unwrap_or_default(),       // none
        comment: comment.unwrap_or_default(), // none
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::Statement;

    #[test]
    fn rules_that_differ_have_other_prints() {
        let rule = |statements: &[Statement], comment: &str| fingerprint(&Rule::new("a", statements).comment(comment));
        let (counter, reject) = (Statement::Counter, Statement::Reject);
        let prints = [
            rule(std::slice::from_ref(&counter), ""),
            rule(&[counter.clone(), reject.clone()], ""),
            rule(&[reject.clone(), counter.clone()], ""),
            rule(std::slice::from_ref(&counter), "reject"),
            rule(&[], ""),
        ];
        let different: std::collections::BTreeSet<_> = prints.iter().collect();
        assert_eq!(different.len(), prints.len());
        // Tables outlive the program that made them: this must not change from one build to the next.
        assert_eq!(rule(&[counter], "web"), 13_753_588_586_339_106_647);
    }
}
