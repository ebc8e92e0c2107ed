//! The table as it is in the kernel: changed a little when it is known, mended when it is not, written anew when that fails.

use crate::change::{Change, removal};
use crate::table::TABLE;
use node_os::netns::NetNs;
use node_os::nft::{Difference, NftError, Tables, Transaction};
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

/// As long as upstream leaves chains empty before it deletes them.
const TIDY_AFTER: Duration = Duration::from_secs(1);
/// Where Services change without a pause, chains are deleted all the same.
const MANY_STALE: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    /// It has what was written last.
    InStep,
    /// A process before this one, or another program, may have written anything: it is read, and what differs is written.
    /// Counters and clients' endpoints are kept by what does not differ.
    Unknown,
    /// Reading it did not help.
    Beyond,
}

pub struct Kernel {
    namespace: NetNs,
    /// None before the first exchange, and after one that failed.
    tables: Option<Tables>,
    knowledge: Knowledge,
    /// What the namespace's generation is if no other program has changed anything.
    generation: u32,
    /// Chains without rules that are still to be deleted.
    stale: BTreeSet<String>,
}

impl Kernel {
    pub fn new(namespace: NetNs) -> Self {
        Self { namespace, tables: None, knowledge: Knowledge::Unknown, generation: 0, stale: BTreeSet::new() }
    }

    pub fn in_step(&self) -> bool {
        self.knowledge == Knowledge::InStep
    }

    /// When there is nothing else to do (`idle`), looks whether another program has changed a table.
    pub async fn check(&mut self, idle: bool) {
        if !idle || !self.in_step() {
            return;
        }
        match self.ask(Tables::generation).await {
            Ok(generation) if generation == self.generation => {}
            Ok(_) => self.knowledge = Knowledge::Unknown,
            Err(error) => tracing::warn!(%error, "whether another program has changed tables"),
        }
    }

    /// From what was written last.
    pub async fn change(&mut self, change: Change) -> Result<(), NftError> {
        self.stale.retain(|chain| !change.revives(chain));
        self.stale.extend(change.stale.iter().cloned());
        self.write(change.transaction(), Knowledge::Unknown).await
    }

    /// Everything, from whatever there is.
    pub async fn make(&mut self, whole: Transaction) -> Result<(), NftError> {
        // Before the table is read, so that what happens meanwhile is noticed at the next check.
        self.generation = self.ask(Tables::generation).await.map_err(broken)?;
        self.stale.clear();
        match self.difference(&whole).await.map_err(broken)? {
            Some(difference) => {
                tracing::info!(commands = difference.change.commands.len(), "the table that was there is taken over");
                self.stale = difference.stale;
                self.write(difference.change, Knowledge::Beyond).await
            }
            None => self.write(whole, Knowledge::Beyond).await,
        }
    }

    async fn difference(&mut self, whole: &Transaction) -> io::Result<Option<Difference>> {
        if self.knowledge == Knowledge::Beyond {
            return Ok(None);
        }
        let existing = self.ask(|tables| tables.existing(TABLE)).await?;
        Ok(existing.and_then(|existing| existing.difference(whole)))
    }

    async fn write(&mut self, transaction: Transaction, if_refused: Knowledge) -> Result<(), NftError> {
        self.knowledge = if_refused;
        self.commit(transaction).await?;
        self.knowledge = Knowledge::InStep;
        Ok(())
    }

    /// Deletes chains that nothing leads to any more, unless there is something better to do. Says when to come again.
    pub async fn tidy(&mut self, idle: bool) -> Option<Duration> {
        if self.stale.is_empty() || !self.in_step() {
            return None;
        }
        if !idle && self.stale.len() < MANY_STALE {
            return Some(TIDY_AFTER);
        }
        match self.commit(removal(&self.stale)).await {
            Ok(()) => self.stale.clear(),
            Err(error) => tracing::debug!(%error, "chains without rules stay until the next change"),
        }
        None
    }

    async fn commit(&mut self, transaction: Transaction) -> Result<(), NftError> {
        if transaction.is_empty() {
            return Ok(());
        }
        let commands = transaction.commands.len();
        self.ask(move |tables| Ok(tables.commit(&transaction))).await.map_err(broken)??;
        self.generation = self.generation.wrapping_add(1);
        tracing::debug!(commands, "the table has changed");
        Ok(())
    }

    /// Work that blocks while the kernel answers.
    async fn ask<T: Send + 'static>(&mut self, work: impl FnOnce(&Tables) -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let (namespace, known) = (self.namespace.clone(), self.tables.take());
        let asked = tokio::task::spawn_blocking(move || {
            let tables = known.map_or_else(|| Tables::open(&namespace), Ok)?;
            work(&tables).map(|answer| (answer, tables))
        });
        let (answer, tables) = asked.await.unwrap_or_else(|error| Err(io::Error::other(error)))?;
        self.tables = Some(tables);
        Ok(answer)
    }
}

fn broken(source: io::Error) -> NftError {
    NftError { command: "transaction".into(), source }
}
