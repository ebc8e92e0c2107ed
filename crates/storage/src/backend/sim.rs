//! A disk in memory that forgets, at a power cut, whatever was not synced; for crash tests.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Backend, File};

/// What happens at the n-th operation (counted from 1) that changes the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It and everything after it fail: the power is off.
    PowerCut {
        operation: u64,
    },
    /// The power goes off in the middle of it: half of the bytes of an append reach the cache.
    TornPowerCut {
        operation: u64,
    },
    /// It fails with EIO (an append half way through), later ones work.
    Error {
        operation: u64,
    },
}

/// What a power cut does to the bytes, creations, renames and removals that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Everything,
    /// Names survive; of each file's unsynced tail the first half does.
    HalfOfEachTail,
    /// Names survive; the lengths too, but unsynced tails read as zeros.
    ZeroedTails,
    /// Of the changes of names in each directory only the last one survives; no unsynced bytes do.
    NamesButTheLast,
    Nothing,
}

#[derive(Default)]
struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
}

type Names = BTreeMap<String, usize>;

struct NameChange {
    appeared: Option<(String, usize)>,
    went: Option<String>,
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    durable: Names,
    current: Names,
    /// The last change of a name in each directory since it was synced.
    last_change: BTreeMap<String, NameChange>,
    operations: u64,
    off: bool,
    locked: bool,
}

impl State {
    fn changed(&mut self, appeared: Option<(&str, usize)>, went: Option<&str>) {
        let Some(path) = went.or(appeared.map(|(path, _)| path)) else { return };
        let appeared = appeared.map(|(path, inode)| (path.to_owned(), inode));
        let change = NameChange { appeared, went: went.map(str::to_owned) };
        self.last_change.insert(parent(path).to_owned(), change);
    }

    fn names_but_the_last(&self) -> Names {
        let mut names = self.durable.clone();
        for NameChange { appeared, went } in self.last_change.values() {
            if let Some(went) = went {
                names.remove(went);
            }
            names.extend(appeared.clone());
        }
        names
    }
}

/// Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    fault: Fault,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new(Fault::None)
    }
}

impl SimDisk {
    pub fn new(fault: Fault) -> Self {
        Self { state: Arc::default(), fault }
    }

    /// How many operations have changed the disk.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Whether the power cut has happened.
    pub fn is_off(&self) -> bool {
        self.state.lock().off
    }

    /// The same disk after its process died and the machine did not: nothing is lost, and nothing more is durable.
    pub fn restart(&self, fault: Fault) -> SimDisk {
        self.state.lock().off = false;
        SimDisk { state: self.state.clone(), fault }
    }

    /// The disk as the next boot finds it.
    pub fn reboot(&self, loss: Loss, fault: Fault) -> SimDisk {
        let state = self.state.lock();
        let names = match loss {
            Loss::Everything => state.durable.clone(),
            Loss::NamesButTheLast => state.names_but_the_last(),
            Loss::HalfOfEachTail | Loss::ZeroedTails | Loss::Nothing => state.current.clone(),
        };
        let mut after = State::default();
        for (name, inode) in &names {
            let bytes = survive(&state.inodes[*inode], loss);
            after.current.insert(name.clone(), after.inodes.len());
            after.inodes.push(Inode { durable: bytes.clone(), current: bytes });
        }
        after.durable = after.current.clone();
        SimDisk { state: Arc::new(Mutex::new(after)), fault }
    }

    /// The bytes of a file, synced or not.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        state.current.get(path).map(|inode| state.inodes[*inode].current.clone())
    }

    /// Replaces a file's bytes behind the engine's back, as bit rot does.
    pub fn overwrite(&self, path: &str, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        let inode = state.inodes.len();
        state.inodes.push(Inode { durable: bytes.clone(), current: bytes });
        state.current.insert(path.to_owned(), inode);
        state.durable.insert(path.to_owned(), inode);
    }

    /// All paths.
    pub fn paths(&self) -> Vec<String> {
        self.state.lock().current.keys().cloned().collect()
    }

    /// Counts an operation and runs it, unless the fault strikes. `tear` is what of it happens when it is torn.
    fn step<T>(&self, tear: impl FnOnce(&mut State), run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        if state.off {
            return Err(power_cut());
        }
        state.operations += 1;
        let now = state.operations;
        match self.fault {
            Fault::PowerCut { operation } if operation == now => {
                state.off = true;
                Err(power_cut())
            }
            Fault::TornPowerCut { operation } if operation == now => {
                tear(&mut state);
                state.off = true;
                Err(power_cut())
            }
            Fault::Error { operation } if operation == now => {
                tear(&mut state);
                Err(io::Error::other("simulated EIO"))
            }
            _ => run(&mut state),
        }
    }
}

fn power_cut() -> io::Error {
    io::Error::other("simulated power cut")
}

fn missing(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, path.to_owned())
}

fn survive(inode: &Inode, loss: Loss) -> Vec<u8> {
    let synced = inode.durable.len().min(inode.current.len());
    let tail = &inode.current[synced..];
    match loss {
        Loss::Everything | Loss::NamesButTheLast => inode.durable.clone(),
        Loss::HalfOfEachTail => [&inode.current[..synced], &tail[..tail.len() / 2]].concat(),
        Loss::ZeroedTails => [&inode.current[..synced], &vec![0; tail.len()]].concat(),
        Loss::Nothing => inode.current.clone(),
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

struct Lock(Arc<Mutex<State>>);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.lock().locked = false;
    }
}

impl Backend for SimDisk {
    fn describe(&self) -> String {
        "simulated disk".to_owned()
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Send>>> {
        let taken = std::mem::replace(&mut self.state.lock().locked, true);
        Ok((!taken).then(|| Box::new(Lock(self.state.clone())) as Box<dyn Send>))
    }

    fn create_dir(&self, _path: &str) -> io::Result<()> {
        self.step(|_| (), |_| Ok(()))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        let inside = state.current.keys().filter(|path| parent(path) == dir);
        Ok(inside.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect())
    }

    fn read(&self, path: &str) -> io::Result<Box<dyn Read + Send>> {
        let bytes = self.contents(path).ok_or_else(|| missing(path))?;
        Ok(Box::new(Cursor::new(bytes)))
    }

    fn mode(&self, path: &str) -> io::Result<Option<u32>> {
        Ok(self.state.lock().current.contains_key(path).then_some(0o600))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn File>> {
        self.step(
            |_| (),
            |state| {
                if state.current.contains_key(path) {
                    return Err(io::Error::new(io::ErrorKind::AlreadyExists, path.to_owned()));
                }
                let inode = state.inodes.len();
                state.inodes.push(Inode::default());
                state.current.insert(path.to_owned(), inode);
                state.changed(Some((path, inode)), None);
                Ok(Box::new(SimFile { disk: self.clone(), inode }) as Box<dyn File>)
            },
        )
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn File>> {
        let inode = *self.state.lock().current.get(path).ok_or_else(|| missing(path))?;
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step(
            |_| (),
            |state| {
                let inode = state.current.remove(from).ok_or_else(|| missing(from))?;
                state.current.insert(to.to_owned(), inode);
                state.changed(Some((to, inode)), Some(from));
                Ok(())
            },
        )
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.step(
            |_| (),
            |state| {
                state.current.remove(path).ok_or_else(|| missing(path))?;
                state.changed(None, Some(path));
                Ok(())
            },
        )
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.step(
            |_| (),
            |state| {
                state.durable.retain(|path, _| parent(path) != dir);
                let inside: Vec<_> = state.current.iter().filter(|(path, _)| parent(path) == dir).collect();
                let inside: Vec<_> = inside.into_iter().map(|(path, inode)| (path.clone(), *inode)).collect();
                state.durable.extend(inside);
                state.last_change.remove(dir);
                Ok(())
            },
        )
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl File for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let inode = self.inode;
        self.disk.step(
            |state| state.inodes[inode].current.extend_from_slice(&bytes[..bytes.len() / 2]),
            |state| {
                state.inodes[inode].current.extend_from_slice(bytes);
                Ok(())
            },
        )
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let inode = self.inode;
        self.disk.step(
            |_| (),
            |state| {
                let file = &mut state.inodes[inode];
                file.durable.clone_from(&file.current);
                Ok(())
            },
        )
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let inode = self.inode;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.disk.step(
            |_| (),
            |state| {
                state.inodes[inode].current.truncate(length);
                Ok(())
            },
        )
    }
}
