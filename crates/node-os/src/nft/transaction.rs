//! A list of changes to one table of family `ip`, taken whole or not at all.

use super::{Element, Rule, Set, Tables};
use crate::netns::NetNs;
use std::io;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Hook {
    Prerouting = 0,
    Input = 1,
    Forward = 2,
    Output = 3,
    Postrouting = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChainType {
    Filter,
    Nat,
}

/// With a base, packets enter it by themselves, and what no rule decides is accepted; without, only by rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chain {
    pub name: String,
    pub base: Option<(ChainType, Hook, i32)>,
    pub comment: String,
}

impl Chain {
    /// Priorities as nft names them (linux/netfilter_ipv4.h).
    pub const DSTNAT: i32 = -100;
    pub const FILTER: i32 = 0;
    pub const SRCNAT: i32 = 100;

    pub fn regular(name: impl Into<String>) -> Self {
        Self { name: name.into(), base: None, comment: String::new() }
    }

    pub fn base(name: impl Into<String>, kind: ChainType, hook: Hook, priority: i32) -> Self {
        Self { base: Some((kind, hook, priority)), ..Self::regular(name) }
    }

    pub fn comment(self, comment: impl Into<String>) -> Self {
        Self { comment: comment.into(), ..self }
    }
}

/// Adding what is there is success if it is the same; deleting what is not there fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    AddTable {
        comment: String,
    },
    DeleteTable,
    AddChain(Chain),
    /// Removes its rules.
    FlushChain(String),
    DeleteChain(String),
    AddSet(Set),
    DeleteSet(String),
    AddElements(String, Vec<Element>),
    DeleteElements(String, Vec<Element>),
    /// Behind those that the chain has.
    AddRule(Rule),
}

/// The kernel refused: nothing of the transaction was done.
#[derive(Debug, thiserror::Error)]
#[error("nftables: {command}: {source}")]
pub struct NftError {
    /// In nft's words; "transaction" when it was no single one.
    pub command: String,
    pub source: io::Error,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub table: String,
    pub commands: Vec<Command>,
}

impl Transaction {
    pub fn new(table: impl Into<String>) -> Self {
        Self { table: table.into(), commands: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub fn push(&mut self, command: Command) -> &mut Self {
        self.commands.push(command);
        self
    }

    pub fn add_table(&mut self, comment: &str) -> &mut Self {
        self.push(Command::AddTable { comment: comment.into() })
    }

    /// The table is there and has nothing in it, whether it was there before or not.
    pub fn replace_table(&mut self, comment: &str) -> &mut Self {
        self.remove_table().add_table(comment)
    }

    /// The table is not there, whether it was before or not.
    pub fn remove_table(&mut self) -> &mut Self {
        self.add_table("").push(Command::DeleteTable)
    }

    pub fn add_chain(&mut self, chain: Chain) -> &mut Self {
        self.push(Command::AddChain(chain))
    }

    pub fn flush_chain(&mut self, chain: impl Into<String>) -> &mut Self {
        self.push(Command::FlushChain(chain.into()))
    }

    pub fn delete_chain(&mut self, chain: impl Into<String>) -> &mut Self {
        self.push(Command::DeleteChain(chain.into()))
    }

    pub fn add_set(&mut self, set: Set) -> &mut Self {
        self.push(Command::AddSet(set))
    }

    pub fn delete_set(&mut self, set: impl Into<String>) -> &mut Self {
        self.push(Command::DeleteSet(set.into()))
    }

    pub fn add_elements(&mut self, set: impl Into<String>, elements: impl Into<Vec<Element>>) -> &mut Self {
        self.push(Command::AddElements(set.into(), elements.into()))
    }

    pub fn delete_elements(&mut self, set: impl Into<String>, elements: impl Into<Vec<Element>>) -> &mut Self {
        self.push(Command::DeleteElements(set.into(), elements.into()))
    }

    pub fn add_rule(&mut self, rule: Rule) -> &mut Self {
        self.push(Command::AddRule(rule))
    }

    /// Blocks while the kernel works: a few milliseconds, seconds for tens of thousands of rules.
    pub fn commit(&self, namespace: &NetNs) -> Result<(), NftError> {
        Tables::open(namespace).map_err(|source| NftError { command: "transaction".into(), source })?.commit(self)
    }
}
