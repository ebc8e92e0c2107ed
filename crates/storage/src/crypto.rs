//! Envelope encryption of sensitive values: a data key per cluster, wrapped by a master key of the key ring.

use std::fmt::Write as _;
use std::io::Read;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use crate::backend::Backend;
use crate::error::{Error, Result};

const KEY_LEN: usize = 32;
const FILE_HEADER: &str = "pilothouse keyring 1";

/// Where the master keys come from. Resolved under the state directory's lock, so that two processes starting at once
/// cannot both make a key file.
#[derive(Clone)]
pub struct Keyring(Source);

#[derive(Clone)]
enum Source {
    File(String),
    Key([u8; KEY_LEN]),
}

impl Keyring {
    /// A key file in the state directory (mode 0600), made with one random key when missing.
    pub fn file(name: &str) -> Self {
        Self(Source::File(name.to_owned()))
    }

    /// One given master key.
    pub fn key(key: [u8; KEY_LEN]) -> Self {
        Self(Source::Key(key))
    }

    pub(crate) fn resolve(&self, backend: &dyn Backend) -> Result<MasterKeys> {
        match &self.0 {
            Source::Key(key) => Ok(MasterKeys(vec![(1, aead(key)?)])),
            Source::File(name) => match backend.mode(name).map_err(Error::io("inspect", name))? {
                None => create(backend, name),
                Some(mode) if mode & 0o077 != 0 => Err(Error::KeyFileMode { file: name.clone(), mode }),
                Some(_) => load(backend, name),
            },
        }
    }
}

fn create(backend: &dyn Backend, name: &str) -> Result<MasterKeys> {
    let (id, key): ([u8; 8], [u8; KEY_LEN]) = (random()?, random()?);
    let text = format!("{FILE_HEADER}\n{} {}\n", hex(&id), hex(&key));
    let partial = format!("{name}.tmp");
    if backend.mode(&partial).map_err(Error::io("inspect", &partial))?.is_some() {
        backend.remove(&partial).map_err(Error::io("remove", &partial))?;
    }
    let mut file = backend.create(&partial).map_err(Error::io("create", &partial))?;
    file.append(text.as_bytes()).map_err(Error::io("write", &partial))?;
    file.sync_data().map_err(Error::io("sync", &partial))?;
    backend.rename(&partial, name).map_err(Error::io("rename", &partial))?;
    backend.sync_dir("").map_err(Error::io("sync the directory of", name))?;
    Ok(MasterKeys(vec![(u64::from_be_bytes(id), aead(&key)?)]))
}

fn load(backend: &dyn Backend, name: &str) -> Result<MasterKeys> {
    let bad = |what| Error::KeyFile { file: name.to_owned(), what };
    let mut text = String::new();
    backend.read(name).and_then(|mut file| file.read_to_string(&mut text)).map_err(Error::io("read", name))?;
    let mut lines = text.lines();
    if lines.next() != Some(FILE_HEADER) {
        return Err(bad("the first line is not its header"));
    }
    let mut keys = Vec::new();
    for line in lines {
        let (id, key) = line.split_once(' ').ok_or_else(|| bad("a line is not `id key`"))?;
        let id = unhex(id).ok_or_else(|| bad("a key id is not 16 hexadecimal digits"))?;
        let key: [u8; KEY_LEN] = unhex(key).ok_or_else(|| bad("a key is not 64 hexadecimal digits"))?;
        keys.push((u64::from_be_bytes(id), aead(&key)?));
    }
    if keys.is_empty() { Err(bad("it holds no key")) } else { Ok(MasterKeys(keys)) }
}

/// The resolved keys; the last one wraps new data keys.
pub(crate) struct MasterKeys(Vec<(u64, RandomizedNonceKey)>);

/// Encrypts the sensitive values of one cluster.
pub(crate) struct DataKey {
    aead: RandomizedNonceKey,
    /// Master key id, nonce, ciphertext and tag: what a log record carries.
    wrapped: Vec<u8>,
}

impl DataKey {
    /// The id that records carry, so that a cluster can have a second data key one day.
    pub const ID: u32 = 1;

    pub fn generate(masters: &MasterKeys, cluster: &str) -> Result<Self> {
        let key: [u8; KEY_LEN] = random()?;
        let (id, master) = masters.0.last().ok_or(Error::Crypto { action: "wrap a data key" })?;
        let mut wrapped = id.to_be_bytes().to_vec();
        wrapped.extend(seal(master, cluster.as_bytes(), &key)?);
        Ok(Self { aead: aead(&key)?, wrapped })
    }

    pub fn unwrap(masters: &MasterKeys, cluster: &str, wrapped: &[u8]) -> Result<Self> {
        let broken = Error::Crypto { action: "unwrap a data key" };
        let (id, sealed) = wrapped.split_first_chunk().ok_or(broken.clone())?;
        let key_id = u64::from_be_bytes(*id);
        let unknown = || Error::UnknownKey { cluster: cluster.to_owned(), key_id };
        let (_, master) = masters.0.iter().find(|(id, _)| *id == key_id).ok_or_else(unknown)?;
        let key = open(master, cluster.as_bytes(), sealed).ok_or(broken)?;
        Ok(Self { aead: aead(&key)?, wrapped: wrapped.to_vec() })
    }

    pub fn wrapped(&self) -> &[u8] {
        &self.wrapped
    }

    /// Bound to its key, so that one secret cannot be passed off as another.
    pub fn seal(&self, key: &str, value: &[u8]) -> Result<Vec<u8>> {
        seal(&self.aead, key.as_bytes(), value)
    }

    pub fn open(&self, key: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        open(&self.aead, key.as_bytes(), sealed)
    }
}

fn aead(key: &[u8]) -> Result<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| Error::Crypto { action: "set up a key" })
}

/// Nonce, ciphertext, tag.
fn seal(aead: &RandomizedNonceKey, context: &[u8], value: &[u8]) -> Result<Vec<u8>> {
    let mut sealed = vec![0; NONCE_LEN];
    sealed.extend_from_slice(value);
    let failed = |_| Error::Crypto { action: "encrypt a value" };
    let (nonce, tag) = aead.seal_in_place_separate_tag(Aad::from(context), &mut sealed[NONCE_LEN..]).map_err(failed)?;
    sealed[..NONCE_LEN].copy_from_slice(nonce.as_ref());
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

fn open(aead: &RandomizedNonceKey, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut plain = ciphertext.to_vec();
    let length = aead.open_in_place(nonce, Aad::from(context), &mut plain).ok()?.len();
    plain.truncate(length);
    Some(plain)
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Crypto { action: "draw random bytes" })?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::SimDisk;

    #[test]
    fn key_file_is_made_once_and_refused_when_damaged() {
        let disk = SimDisk::default();
        let ring = Keyring::file("keyring");
        let made = ring.resolve(&disk).expect("made");
        let loaded = ring.resolve(&disk).expect("loaded");
        let key = DataKey::generate(&made, "c").expect("generated");
        let again = DataKey::unwrap(&loaded, "c", key.wrapped()).expect("unwrapped");
        let sealed = key.seal("/secrets/a", b"password").expect("sealed");
        assert_eq!(again.open("/secrets/a", &sealed).as_deref(), Some(&b"password"[..]));
        assert_eq!(again.open("/secrets/b", &sealed), None, "bound to its key");
        assert!(DataKey::unwrap(&loaded, "d", key.wrapped()).is_err(), "bound to its cluster");

        let other = Keyring::key([7; KEY_LEN]).resolve(&disk).expect("given");
        assert!(matches!(DataKey::unwrap(&other, "c", key.wrapped()), Err(Error::UnknownKey { .. })));

        for text in ["", "nonsense\n", "pilothouse keyring 1\n", "pilothouse keyring 1\n12 34\n"] {
            disk.overwrite("keyring", text.as_bytes().to_vec());
            assert!(matches!(ring.resolve(&disk), Err(Error::KeyFile { .. })), "{text:?}");
        }
    }
}
