//! The way to the tables of a network namespace.

use super::encode::{self, GET_GENERATION, message};
use super::{NftError, Transaction};
use crate::netfilter::{Attributes, Socket, Writer};
use crate::netns::NetNs;
use nix::libc::ENOENT;
use std::io;

/// To be kept by whoever changes tables often: its end waits until the kernel has freed what transactions have removed, which
/// takes ten milliseconds and more. For one exchange at a time.
pub struct Tables(Socket);

impl Tables {
    pub fn open(namespace: &NetNs) -> io::Result<Self> {
        Socket::open(namespace).map(Self)
    }

    pub fn commit(&self, transaction: &Transaction) -> Result<(), NftError> {
        let (messages, origins) = encode::messages(transaction);
        self.0.batch(encode::SUBSYSTEM, &messages).map_err(|error| {
            let command = error.message.and_then(|index| origins.get(index)).map(|index| transaction.words(*index));
            NftError { command: command.unwrap_or_else(|| "transaction".into()), source: error.source }
        })
    }

    /// A number that grows by one with each transaction in the namespace, whoever's it is.
    pub fn generation(&self) -> io::Result<u32> {
        let read = |body: &[u8]| Attributes(body).u32(1);
        let answer = self.0.ask(&message(GET_GENERATION, 0, Writer::default()), read)?;
        answer.ok_or_else(|| io::Error::other("the kernel does not tell its generation"))
    }

    /// What the kernel says about the objects of a table. No such table: nothing.
    pub(super) fn dump<T>(
        &self,
        table: &str,
        set: Option<&str>,
        kind: u16,
        read: impl Fn(Attributes<'_>) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        let mut request = Writer::default();
        request.put_text(1, table);
        if let Some(set) = set {
            request.put_text(2, set);
        }
        let ours = |_, body: &[u8]| {
            let attributes = Attributes(body);
            // Not every kernel filters chains by table.
            if attributes.text(1).as_deref() == Some(table) { read(attributes) } else { None }
        };
        match self.0.dump(&message(kind, 0, request), ours) {
            Err(error) if error.raw_os_error() == Some(ENOENT) => Ok(Vec::new()),
            other => other,
        }
    }
}
