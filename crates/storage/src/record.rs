//! The records inside a frame: {format version, kind, length, cluster, revision, writes}, little endian.

use crate::crypto::DataKey;
use crate::error::Result;
use crate::store::Revision;

const FORMAT: u8 = 1;

/// How a value is stored: the byte before it says which, and which data key opens it.
const DELETED: u8 = 0;
const PLAIN: u8 = 1;
const AES_256_GCM: u8 = 2;

const CREATE: u8 = 1;
const TXN: u8 = 2;
const COMPACT: u8 = 3;
const DELETE: u8 = 4;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A cluster's number stands for its id in all later records and is never used again.
    Create {
        id: &'a str,
        wrapped_key: &'a [u8],
    },
    Txn {
        revision: Revision,
        writes: Vec<(&'a str, Stored<'a>)>,
    },
    Compact {
        upto: Revision,
    },
    Delete,
}

/// A value as it lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored<'a> {
    Deleted,
    Plain(&'a [u8]),
    Sealed { key_id: u32, bytes: &'a [u8] },
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("keys and values are bounded far below 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Encrypts the value if it is sensitive. `None` is a deletion.
pub(crate) fn put_value(out: &mut Vec<u8>, data_key: &DataKey, key: &str, value: Option<&[u8]>, sensitive: bool) -> Result<()> {
    match value {
        None => out.push(DELETED),
        Some(value) if sensitive => {
            out.push(AES_256_GCM);
            out.extend_from_slice(&DataKey::ID.to_le_bytes());
            put_bytes(out, &data_key.seal(key, value)?);
        }
        Some(value) => {
            out.push(PLAIN);
            put_bytes(out, value);
        }
    }
    Ok(())
}

/// Frames `body` as one record, filling in its length afterwards.
fn put_record(out: &mut Vec<u8>, kind: u8, cluster: u32, body: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&[FORMAT, kind]);
    out.extend_from_slice(&cluster.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let body_start = out.len();
    if let Err(error) = body(out) {
        out.truncate(start);
        return Err(error);
    }
    let length = u32::try_from(out.len() - body_start).expect("transactions are bounded far below 4 GiB");
    out[body_start - 4..body_start].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

pub(crate) fn put_create(out: &mut Vec<u8>, cluster: u32, id: &str, key: &DataKey) -> Result<()> {
    put_record(out, CREATE, cluster, |out| {
        put_bytes(out, id.as_bytes());
        put_bytes(out, key.wrapped());
        Ok(())
    })
}

pub(crate) fn put_compact(out: &mut Vec<u8>, cluster: u32, upto: Revision) -> Result<()> {
    put_record(out, COMPACT, cluster, |out| {
        out.extend_from_slice(&upto.to_le_bytes());
        Ok(())
    })
}

pub(crate) fn put_delete(out: &mut Vec<u8>, cluster: u32) -> Result<()> {
    put_record(out, DELETE, cluster, |_| Ok(()))
}

/// `writes` are (key, value or deletion, sensitive).
pub(crate) fn put_txn<'a>(
    out: &mut Vec<u8>,
    cluster: u32,
    revision: Revision,
    data_key: &DataKey,
    writes: impl ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>, bool)>,
) -> Result<()> {
    put_record(out, TXN, cluster, |out| {
        out.extend_from_slice(&revision.to_le_bytes());
        let count = u32::try_from(writes.len()).expect("a transaction's size is bounded");
        out.extend_from_slice(&count.to_le_bytes());
        for (key, value, sensitive) in writes {
            put_bytes(out, key.as_bytes());
            put_value(out, data_key, key, value, sensitive)?;
        }
        Ok(())
    })
}

/// Takes fields off the front of bytes; `None` when they do not parse.
pub(crate) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }
    pub fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }
    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
    pub fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
    pub fn value(&mut self) -> Option<Stored<'a>> {
        match self.u8()? {
            DELETED => Some(Stored::Deleted),
            PLAIN => Some(Stored::Plain(self.bytes()?)),
            AES_256_GCM => Some(Stored::Sealed { key_id: self.u32()?, bytes: self.bytes()? }),
            _ => None,
        }
    }
    /// The next record with its cluster's number.
    pub fn record(&mut self) -> Option<(u32, Record<'a>)> {
        if self.u8()? != FORMAT {
            return None;
        }
        let kind = self.u8()?;
        let cluster = self.u32()?;
        let mut body = Fields(self.bytes()?);
        let record = match kind {
            CREATE => Record::Create { id: body.text()?, wrapped_key: body.bytes()? },
            TXN => body.txn()?,
            COMPACT => Record::Compact { upto: body.u64()? },
            DELETE => Record::Delete,
            _ => return None,
        };
        body.0.is_empty().then_some((cluster, record))
    }
    fn txn(&mut self) -> Option<Record<'a>> {
        let revision = self.u64()?;
        let count = self.u32()?;
        let mut writes = Vec::new();
        for _ in 0..count {
            writes.push((self.text()?, self.value()?));
        }
        Some(Record::Txn { revision, writes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::SimDisk;
    use crate::crypto::Keyring;

    #[test]
    fn records_round_trip_and_short_ones_do_not_parse() {
        let masters = Keyring::key([1; 32]).resolve(&SimDisk::default()).expect("a given key");
        let key = DataKey::generate(&masters, "c").expect("random");
        let mut out = Vec::new();
        put_create(&mut out, 7, "c", &key).expect("encodes");
        let writes: Vec<(&str, Option<&[u8]>, bool)> =
            vec![("a", Some(b"1"), false), ("b", None, false), ("s", Some(b"secret"), true)];
        put_txn(&mut out, 7, 2, &key, writes.into_iter()).expect("encodes");
        put_compact(&mut out, 7, 2).expect("encodes");
        put_delete(&mut out, 7).expect("encodes");
        assert!(!out.windows(6).any(|window| window == b"secret"));

        let mut fields = Fields(&out);
        assert_eq!(fields.record(), Some((7, Record::Create { id: "c", wrapped_key: key.wrapped() })));
        let Some((7, Record::Txn { revision: 2, writes })) = fields.record() else { panic!("a transaction") };
        assert_eq!(writes[..2], [("a", Stored::Plain(b"1")), ("b", Stored::Deleted)]);
        let ("s", Stored::Sealed { key_id: DataKey::ID, bytes }) = writes[2] else { panic!("sealed") };
        assert_eq!(key.open("s", bytes).as_deref(), Some(&b"secret"[..]));
        assert_eq!(fields.record(), Some((7, Record::Compact { upto: 2 })));
        assert_eq!(fields.record(), Some((7, Record::Delete)));
        assert!(fields.0.is_empty());

        let last = out.len();
        assert!((1..10).all(|cut| Fields(&out[last - 10..last - cut]).record().is_none()));
    }
}
