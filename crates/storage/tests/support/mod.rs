//! Short ways to write and print transactions, shared by the store's tests.
#![allow(dead_code)] // each test binary uses its own part of this

use std::sync::Arc;

use storage::backend::{Backend, SimDisk};
use storage::{Change, Compare, Engine, EngineOptions, Entry, Keyring, Result, Revision, Store, Txn, TxnOutcome, Write};

pub const KEYRING: [u8; 32] = [7; 32];

pub fn open(disk: &SimDisk) -> Result<Engine> {
    open_with(disk, EngineOptions::default())
}

pub fn open_with(disk: &SimDisk, options: EngineOptions) -> Result<Engine> {
    open_backend(Arc::new(disk.clone()), options)
}

pub fn open_backend(backend: Arc<dyn Backend>, options: EngineOptions) -> Result<Engine> {
    Engine::open(backend, &Keyring::key(KEYRING), options)
}

pub fn put(key: &str, value: &str) -> Txn {
    let value = value.to_owned().into();
    Txn { compares: vec![], writes: vec![Write::Put { key: key.to_owned(), value, sensitive: false }] }
}

/// A put that commits only if the key was last modified at `revision`, or is absent if that is 0.
pub fn put_if(key: &str, revision: Revision, value: &str) -> Txn {
    let compare = match revision {
        0 => Compare::Absent(key.to_owned()),
        _ => Compare::ModRevision(key.to_owned(), revision),
    };
    Txn { compares: vec![compare], ..put(key, value) }
}

pub fn delete(key: &str) -> Txn {
    Txn { compares: vec![], writes: vec![Write::Delete { key: key.to_owned() }] }
}

pub async fn committed(store: &dyn Store, txn: Txn) -> Revision {
    match store.txn(txn).await.expect("decided") {
        TxnOutcome::Committed { revision } => revision,
        failed => panic!("{failed:?}"),
    }
}

fn text(entry: &Entry) -> String {
    String::from_utf8_lossy(&entry.value).into_owned()
}

/// `key=value@created/modified ...`
pub fn show(entries: &[Entry]) -> String {
    let parts = entries.iter().map(|e| format!("{}={}@{}/{}", e.key, text(e), e.create_revision, e.mod_revision));
    parts.collect::<Vec<_>>().join(" ")
}

/// `revision:key:old>new ...`
pub fn show_changes(changes: &[Change]) -> String {
    let side = |entry: &Option<Entry>| entry.as_ref().map_or("-".to_owned(), text);
    let parts = changes.iter().map(|c| format!("{}:{}:{}>{}", c.revision, c.key, side(&c.previous), side(&c.value)));
    parts.collect::<Vec<_>>().join(" ")
}

/// Numbers that look random and are the same for the same seed (xorshift64*).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}
