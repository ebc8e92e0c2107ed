//! nftables by netlink: tables of typed rules for IPv4, changed by transactions that the kernel takes whole or not at all.
//!
//! ```no_run
//! use node_os::nft::{Chain, Rule, Statement, Test, Transaction, Verdict};
//! let mut change = Transaction::new("example");
//! change.add_table("an example").add_chain(Chain::regular("web"));
//! change.add_rule(Rule::new("web", [Statement::Counter, Statement::Verdict(Verdict::Accept)]));
//! change.commit(&node_os::netns::NetNs::current()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod counters;
mod difference;
mod elements;
mod encode;
mod existing;
mod expressions;
mod rule;
mod set;
mod tables;
mod text;
mod transaction;

pub use counters::{ElementCounter, RuleCounter, chains, counters, element_counters};
pub use difference::Difference;
pub use existing::Existing;
pub use rule::{CtState, Field, Protocol, Rule, Spread, Statement, Test, Verdict};
pub use set::{Datum, Element, Kind, Set};
pub use tables::Tables;
pub use transaction::{Chain, ChainType, Command, Hook, NftError, Transaction};
