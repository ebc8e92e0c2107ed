//! A power cut at every operation of a scripted workload: nothing acknowledged is lost, nothing is half there.

mod support;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use futures::future::join_all;
use storage::backend::{Backend, Fault, File, Loss, SimDisk};
use storage::{Engine, EngineOptions, Store, Txn, TxnOutcome, Write};
use support::{Random, committed, delete, open_backend, open_with, put, put_if};

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const STEPS: usize = 36;
const LOSSES: [Loss; 5] = [Loss::Everything, Loss::HalfOfEachTail, Loss::ZeroedTails, Loss::NamesButTheLast, Loss::Nothing];

fn options() -> EngineOptions {
    EngineOptions { segment_bytes: 700, log_bytes: 2000, ..EngineOptions::default() }
}

/// Key to (value, modified at).
type Contents = BTreeMap<String, (String, u64)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    MaybeMade,
    Made,
    MaybeDeleted,
    Deleted,
}

/// What a cluster may look like after the crash: any of `states` from `acknowledged` on.
struct Model {
    life: Life,
    acknowledged: u64,
    states: BTreeMap<u64, Contents>,
}

impl Model {
    fn new() -> Self {
        Self { life: Life::MaybeMade, acknowledged: 1, states: BTreeMap::from([(1, Contents::new())]) }
    }

    /// Some transaction that changes something, and its effect noted as possible.
    fn next(&mut self, random: &mut Random) -> Txn {
        let revision = self.acknowledged + 1;
        let mut contents = self.states[&self.acknowledged].clone();
        let key = format!("key{}", random.below(5));
        let value = format!("{revision}-{}", "x".repeat(random.below(60) as usize));
        let existing = contents.get(&key).map(|(_, modified)| *modified);
        let txn = match (random.below(4), existing) {
            (0, Some(_)) => delete(&key),
            (1, _) => put_if(&key, existing.unwrap_or(0), &value),
            (2, _) => {
                let value = value.clone().into();
                Txn { compares: vec![], writes: vec![Write::Put { key, value, sensitive: true }] }
            }
            _ => {
                let writes = [put(&key, &value).writes, put("both", &value).writes].concat();
                Txn { compares: vec![], writes }
            }
        };
        for write in &txn.writes {
            match write {
                Write::Put { key, .. } => drop(contents.insert(key.clone(), (value.clone(), revision))),
                Write::Delete { key } => drop(contents.remove(key)),
            }
        }
        self.states.insert(revision, contents);
        txn
    }
}

#[derive(Default)]
struct World {
    models: BTreeMap<&'static str, Model>,
    stores: BTreeMap<&'static str, Arc<dyn Store>>,
}

impl World {
    async fn make(&mut self, engine: &Engine, id: &'static str) -> storage::Result<()> {
        self.models.insert(id, Model::new());
        let store = engine.cluster(id).await?;
        self.stores.insert(id, store);
        self.models.insert(id, Model { life: Life::Made, ..Model::new() });
        Ok(())
    }

    async fn delete(&mut self, engine: &Engine, id: &'static str) -> storage::Result<()> {
        self.stores.remove(id);
        let model = self.models.get_mut(id).expect("made before");
        model.life = Life::MaybeDeleted;
        engine.delete_cluster(id).await?;
        model.life = Life::Deleted;
        Ok(())
    }

    /// One transaction in each cluster at once, so that groups have several records.
    async fn write(&mut self, random: &mut Random) -> storage::Result<()> {
        let (stores, models) = (&self.stores, &mut self.models);
        let pending = stores.iter().map(|(id, store)| {
            let txn = models.get_mut(id).expect("made before").next(random);
            async move { (*id, store.txn(txn).await) }
        });
        let pending: Vec<_> = pending.collect();
        let mut first_error = Ok(());
        for (id, outcome) in join_all(pending).await {
            match outcome {
                Ok(TxnOutcome::Committed { revision }) => {
                    let model = self.models.get_mut(id).expect("made before");
                    assert_eq!(revision, model.acknowledged + 1);
                    model.acknowledged = revision;
                }
                Ok(failed) => panic!("{failed:?}"),
                Err(error) => first_error = Err(error),
            }
        }
        first_error
    }
}

/// Writes, rotates, snapshots, compacts, deletes and makes anew, until something fails.
async fn workload(engine: &Engine, world: &mut World) -> storage::Result<()> {
    let mut random = Random(SEED);
    for id in ["a", "b", "c"] {
        world.make(engine, id).await?;
    }
    for step in 0..STEPS {
        world.write(&mut random).await?;
        match step {
            12 => world.delete(engine, "c").await?,
            20 => world.make(engine, "c").await?,
            29 => world.delete(engine, "b").await?,
            _ if step % 5 == 3 => {
                let store = world.stores["a"].clone();
                store.compact(store.revision() - 2).await?;
            }
            _ if step % 9 == 8 => engine.checkpoint().await?,
            _ => {}
        }
    }
    Ok(())
}

/// Runs the workload on the backend. Afterwards nothing of the engine moves any more.
async fn run(backend: Arc<dyn Backend>) -> (World, storage::Result<()>) {
    let mut world = World::default();
    let engine = match open_backend(backend, options()) {
        Ok(engine) => engine,
        Err(error) => return (world, Err(error)),
    };
    let result = workload(&engine, &mut world).await;
    world.stores.clear();
    engine.close().await;
    (world, result)
}

/// What is done to a recovered disk after it was found to be right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Write,
    Checkpoint,
}

/// Recovers the disk and compares. Gives what it must look like from now on: what was seen once has to stay.
async fn verify(disk: &SimDisk, world: &World, then: Then) -> Result<World, String> {
    let engine = open_with(disk, options()).map_err(|error| format!("does not open: {error}"))?;
    let seen = verify_clusters(&engine, world, then).await;
    if then == Then::Checkpoint {
        engine.checkpoint().await.map_err(|error| error.to_string())?;
    }
    engine.close().await;
    seen
}

/// The same, and again after a power cut that takes everything which is not synced by then.
async fn verify_twice(disk: &SimDisk, world: &World, then: Then) -> Result<(), String> {
    let seen = verify(disk, world, then).await?;
    let again = verify(&disk.reboot(Loss::Everything, Fault::None), &seen, Then::Write).await;
    again.map(drop).map_err(|error| format!("after recovery and another cut: {error}"))
}

async fn verify_clusters(engine: &Engine, world: &World, then: Then) -> Result<World, String> {
    let ids = engine.clusters();
    let mut seen = World::default();
    for (id, model) in &world.models {
        let exists = ids.iter().any(|found| &**found == *id);
        let model = match model.life {
            Life::Made if !exists => return Err(format!("cluster {id} is lost")),
            Life::Deleted if exists => return Err(format!("cluster {id} came back")),
            _ if exists => {
                let store = engine.cluster(id).await.map_err(|error| error.to_string())?;
                verify_cluster(&*store, id, model, then).await?
            }
            _ => Model { life: Life::Deleted, ..Model::new() },
        };
        seen.models.insert(id, model);
    }
    if ids.len() > world.models.len() { Err("there are clusters that nobody made".to_owned()) } else { Ok(seen) }
}

async fn verify_cluster(store: &dyn Store, id: &str, model: &Model, then: Then) -> Result<Model, String> {
    let revision = store.revision();
    if revision < model.acknowledged {
        return Err(format!("cluster {id} went back from revision {} to {revision}", model.acknowledged));
    }
    let expected = model.states.get(&revision).ok_or_else(|| format!("cluster {id} is at unknown revision {revision}"))?;
    if contents(store, None).await? != *expected {
        return Err(format!("cluster {id} differs at revision {revision}"));
    }
    verify_changes(store, id, expected).await?;
    let (mut expected, mut acknowledged) = (expected.clone(), revision);
    if then == Then::Write {
        acknowledged = committed(store, put("probe", "x")).await;
        if acknowledged != revision + 1 {
            return Err(format!("cluster {id} went on at {acknowledged}"));
        }
        expected.insert("probe".to_owned(), ("x".to_owned(), acknowledged));
    }
    Ok(Model { life: Life::Made, acknowledged, states: BTreeMap::from([(acknowledged, expected)]) })
}

/// The history retained leads to the same contents, change by change.
async fn verify_changes(store: &dyn Store, id: &str, expected: &Contents) -> Result<(), String> {
    let from = store.compacted().max(1);
    let mut replayed = contents(store, Some(from)).await?;
    let mut watch = store.watch("", from).await.map_err(|error| error.to_string())?;
    let mut at = from;
    while at < store.revision() {
        for change in watch.next().await.map_err(|error| error.to_string())?.iter() {
            at = change.revision;
            let key = change.key.to_string();
            match &change.value {
                None => drop(replayed.remove(&key)),
                Some(entry) => {
                    let value = String::from_utf8_lossy(&entry.value).into_owned();
                    replayed.insert(key, (value, change.revision));
                }
            }
        }
    }
    if replayed == *expected { Ok(()) } else { Err(format!("cluster {id}: its changes do not lead to its contents")) }
}

async fn contents(store: &dyn Store, at: Option<u64>) -> Result<Contents, String> {
    let page = store.range("", None, 0, at).await.map_err(|error| error.to_string())?;
    let entries = page.entries.into_iter();
    Ok(entries.map(|e| (e.key.to_string(), (String::from_utf8_lossy(&e.value).into_owned(), e.mod_revision))).collect())
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_at_any_cut() {
    for fault in [|operation| Fault::PowerCut { operation }, |operation| Fault::TornPowerCut { operation }] {
        let mut operation = 0;
        loop {
            operation += 1;
            let disk = SimDisk::new(fault(operation));
            let (world, result) = run(Arc::new(disk.clone())).await;
            for loss in LOSSES {
                for then in [Then::Write, Then::Checkpoint] {
                    let verified = verify_twice(&disk.reboot(loss, Fault::None), &world, then).await;
                    assert_eq!(verified, Ok(()), "{:?} losing {loss:?}, seed {SEED:x}", fault(operation));
                }
            }
            if !disk.is_off() {
                assert!(result.is_ok(), "{result:?}");
                break;
            }
        }
        assert!(operation > 200, "the workload has only {operation} operations");
    }
}

/// What the next process finds in the page cache and shows to its callers has to survive a power cut from then on.
#[tokio::test]
async fn what_was_shown_after_a_kill_survives_a_cut() {
    for then in [Then::Write, Then::Checkpoint] {
        for operation in 1.. {
            let disk = SimDisk::new(Fault::TornPowerCut { operation });
            let (world, _) = run(Arc::new(disk.clone())).await; // how it ended is in the world
            let finished = !disk.is_off();
            let verified = verify_twice(&disk.restart(Fault::None), &world, then).await;
            assert_eq!(verified, Ok(()), "killed at {operation}");
            if finished {
                break;
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_when_recovery_is_cut_too() {
    for operation in (3..).step_by(7) {
        let disk = SimDisk::new(Fault::TornPowerCut { operation });
        let (world, _) = run(Arc::new(disk.clone())).await; // how it ended is in the world
        for loss in LOSSES {
            for again in 1.. {
                let second = disk.reboot(loss, Fault::PowerCut { operation: again });
                if let Ok(engine) = open_with(&second, options()) {
                    engine.close().await;
                }
                let verified = verify_twice(&second.reboot(Loss::Everything, Fault::None), &world, Then::Write).await;
                assert_eq!(verified, Ok(()), "cut at {operation} losing {loss:?}, then at {again}");
                if !second.is_off() {
                    break;
                }
            }
        }
        if !disk.is_off() {
            break;
        }
    }
}

#[tokio::test]
async fn an_error_at_any_operation_loses_nothing() {
    for operation in 1.. {
        let disk = SimDisk::new(Fault::Error { operation });
        let (world, result) = run(Arc::new(disk.clone())).await;
        let finished = disk.operations() < operation;
        for loss in LOSSES {
            let verified = verify_twice(&disk.reboot(loss, Fault::None), &world, Then::Write).await;
            assert_eq!(verified, Ok(()), "EIO at {operation} losing {loss:?}");
        }
        if finished {
            assert!(result.is_ok(), "{result:?}");
            break;
        }
    }
}

/// Its snapshot must be gone for good before the record of its deletion is, also when no other snapshot is written.
#[tokio::test]
async fn a_deleted_cluster_does_not_come_back() {
    let disk = SimDisk::default();
    let engine = open_with(&disk, options()).expect("opens");
    committed(&*engine.cluster("old").await.expect("made"), put("key", &"x".repeat(800))).await;
    committed(&*engine.cluster("old").await.expect("there"), put("key", "rotates")).await;
    engine.checkpoint().await.expect("checkpoints");
    assert!(disk.paths().iter().any(|path| path.starts_with("snapshots/")));
    assert!(engine.delete_cluster("old").await.expect("deleted"));
    for number in 0..10 {
        let id = format!("brief-{number}");
        engine.cluster(&id).await.expect("made");
        engine.delete_cluster(&id).await.expect("deleted");
    }
    engine.checkpoint().await.expect("checkpoints");
    engine.close().await;
    for loss in LOSSES {
        let engine = open_with(&disk.reboot(loss, Fault::None), options()).expect("opens again");
        assert!(engine.clusters().is_empty(), "losing {loss:?}: {:?}", engine.clusters());
        engine.close().await;
    }
}

/// A disk that lies: some of its syncs do nothing.
struct Lying {
    disk: SimDisk,
    data: bool,
    dirs: bool,
}

struct LyingFile {
    file: Box<dyn File>,
    lies: bool,
}

impl File for LyingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }
    fn sync_data(&mut self) -> io::Result<()> {
        if self.lies { Ok(()) } else { self.file.sync_data() }
    }
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
}

impl Lying {
    fn wrap(&self, file: Box<dyn File>) -> Box<dyn File> {
        Box::new(LyingFile { file, lies: self.data })
    }
}

impl Backend for Lying {
    fn describe(&self) -> String {
        self.disk.describe()
    }
    fn lock(&self) -> io::Result<Option<Box<dyn Send>>> {
        self.disk.lock()
    }
    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.disk.create_dir(path)
    }
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn read(&self, path: &str) -> io::Result<Box<dyn Read + Send>> {
        self.disk.read(path)
    }
    fn mode(&self, path: &str) -> io::Result<Option<u32>> {
        self.disk.mode(path)
    }
    fn create(&self, path: &str) -> io::Result<Box<dyn File>> {
        self.disk.create(path).map(|file| self.wrap(file))
    }
    fn open(&self, path: &str) -> io::Result<Box<dyn File>> {
        self.disk.open(path).map(|file| self.wrap(file))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        if self.dirs { Ok(()) } else { self.disk.sync_dir(dir) }
    }
}

/// The check above has teeth: the same workload without its syncs does lose what it acknowledged.
#[tokio::test]
async fn skipping_syncs_is_noticed() {
    for (data, dirs) in [(true, false), (false, true)] {
        let mut noticed = 0;
        for operation in 1.. {
            let disk = SimDisk::new(Fault::PowerCut { operation });
            let (world, _) = run(Arc::new(Lying { disk: disk.clone(), data, dirs })).await; // how it ended is in the world
            let verified = verify(&disk.reboot(Loss::Everything, Fault::None), &world, Then::Write).await;
            noticed += u32::from(verified.is_err());
            if !disk.is_off() {
                break;
            }
        }
        assert!(noticed > 50, "without data syncs: {data}, without directory syncs: {dirs}: noticed {noticed} times");
    }
}

/// Two snapshots of a cluster go one after the other when it is deleted, and so does the log between them.
#[tokio::test]
async fn a_deleted_cluster_leaves_no_older_snapshot_behind() {
    for operation in 1.. {
        let disk = SimDisk::new(Fault::PowerCut { operation });
        // How far it came does not matter, only that it opens again.
        drop(delete_after_two_snapshots(&disk).await);
        for loss in LOSSES {
            let opened = open_with(&disk.reboot(loss, Fault::None), options());
            assert!(opened.is_ok(), "cut at {operation} losing {loss:?}: {:?}", opened.err());
        }
        if !disk.is_off() {
            break;
        }
    }
}

async fn delete_after_two_snapshots(disk: &SimDisk) -> storage::Result<()> {
    let engine = open_with(disk, options())?;
    let store = engine.cluster("b").await?;
    for value in ["first", "second"] {
        // Enough to begin new segments, so that the checkpoint retires the one before.
        for key in 0..12 {
            store.txn(put(&format!("key-{key}"), &value.repeat(20))).await?;
        }
        engine.checkpoint().await?;
    }
    drop(store);
    engine.delete_cluster("b").await?;
    engine.close().await;
    Ok(())
}
