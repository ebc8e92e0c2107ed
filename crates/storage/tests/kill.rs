//! `kill -9` of a real writing process, many times over one directory, compared with what it acknowledged.
#![expect(clippy::disallowed_methods, reason = "every handle is joined, or dies with the process that is killed")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use storage::backend::Disk;
use storage::{Engine, EngineOptions, Keyring, Store, Txn, Write};
use support::{Random, committed};

const ROUNDS: u32 = 200;
const SEED: u64 = 0x2545_f491_4f6c_dd1d;
const WRITER_DIR: &str = "STORE_TEST_WRITER_DIR";
const CLUSTERS: [&str; 2] = ["one", "two"];
const WRITERS: usize = 6;
const KEYS: u64 = 20;

/// Small segments, so that rotations and snapshots are among what is killed.
fn open(dir: &Path) -> Engine {
    let options = EngineOptions { segment_bytes: 16 << 10, log_bytes: 48 << 10, ..EngineOptions::default() };
    let backend = Arc::new(Disk::new(dir).expect("the directory exists"));
    Engine::open(backend, &Keyring::file("keyring"), options).expect("recovers")
}

/// A value that can be checked on its own.
fn value(key: &str, count: u64) -> String {
    format!("{count} {key} {}", "x".repeat((count % 300) as usize))
}

/// The process to kill: the parent below starts it by its name, with the directory in the environment.
#[test]
fn writer() {
    let Ok(dir) = std::env::var(WRITER_DIR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let engine = open(Path::new(&dir));
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            let cluster = CLUSTERS[number % CLUSTERS.len()];
            let store = engine.cluster(cluster).await.expect("opens");
            writers.push(tokio::spawn(write_forever(store, cluster, number)));
        }
        for writer in writers {
            writer.await.expect("writes until it is killed");
        }
    });
}

async fn write_forever(store: Arc<dyn Store>, cluster: &str, number: usize) {
    for turn in 0.. {
        let key = format!("/{number}/{}", turn % KEYS);
        let last = store.get(&key, None).await.expect("reads");
        let count = last.map_or(0, |entry| parse_count(&entry.value)) + 1;
        let write = Write::Put { key: key.clone(), value: value(&key, count).into(), sensitive: count % 3 == 0 };
        let revision = committed(&*store, Txn { compares: vec![], writes: vec![write] }).await;
        // One write call per line, so that a kill cannot leave half of one behind.
        let line = format!("ack {cluster} {key} {revision} {count}\n");
        std::io::stdout().lock().write_all(line.as_bytes()).expect("the parent reads");
        if turn % 100 == 99 {
            store.compact(revision - 50).await.expect("compacts");
        }
    }
}

fn parse_count(value: &[u8]) -> u64 {
    let text = std::str::from_utf8(value).expect("text");
    text.split(' ').next().and_then(|count| count.parse().ok()).expect("begins with its count")
}

/// (cluster, key) to (revision, count).
type Acknowledged = BTreeMap<(String, String), (u64, u64)>;

fn start(dir: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "writer", "--nocapture"]).env(WRITER_DIR, dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("starts")
}

/// Kills the child after so many lines; reads also what it said until it died.
fn kill_after(mut child: Child, lines: u64, acknowledged: &mut Acknowledged) {
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    let mut read = 0;
    loop {
        if read == lines {
            child.kill().expect("it was alive");
        }
        line.clear();
        if output.read_line(&mut line).expect("a pipe") == 0 {
            break;
        }
        read += 1;
        // The first line can share its line with the test harness's own words.
        let Some(at) = line.find("ack ").filter(|_| line.ends_with('\n')) else { continue };
        let [cluster, key, revision, count] = line[at + 4..].split_whitespace().collect::<Vec<_>>()[..] else { continue };
        let said = (revision.parse().expect("a number"), count.parse().expect("a number"));
        acknowledged.insert((cluster.to_owned(), key.to_owned()), said);
    }
    assert!(read >= lines, "the writer ended by itself: {line}");
    child.wait().expect("it was a child");
}

async fn check(dir: &Path, acknowledged: &Acknowledged, floor: &mut BTreeMap<&str, u64>, context: &str) {
    let engine = open(dir);
    for cluster in CLUSTERS {
        let store = engine.cluster(cluster).await.expect("opens");
        let said = acknowledged.iter().filter(|((of, _), _)| of == cluster).map(|(_, (revision, _))| *revision).max();
        let floor = floor.entry(cluster).or_insert(1);
        *floor = (*floor).max(said.unwrap_or(1));
        assert!(store.revision() >= *floor, "{context}: {cluster} went back to {}", store.revision());
        *floor = store.revision();
        for entry in store.range("", None, 0, None).await.expect("reads").entries {
            let count = parse_count(&entry.value);
            assert_eq!(entry.value, value(&entry.key, count), "{context}: half a value");
            let (revision, said) = acknowledged.get(&(cluster.to_owned(), entry.key.to_string())).copied().unwrap_or_default();
            assert!(
                count == said && entry.mod_revision == revision || count > said && entry.mod_revision > revision,
                "{context}: {} is {count} at {}, but {said} was acknowledged at {revision}",
                entry.key,
                entry.mod_revision
            );
        }
    }
    for (cluster, key) in acknowledged.keys() {
        let store = engine.cluster(cluster).await.expect("opens");
        assert!(store.get(key, None).await.expect("reads").is_some(), "{context}: {key} is lost");
    }
    engine.close().await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_200_kills() {
    println!("seed {SEED:x}");
    // What a killed process wrote stays in the page cache, so memory tells as much as a disk here, whose thousands of
    // syncs would only take time. Power cuts are the other test's.
    let shm = Path::new("/dev/shm");
    let below = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
    let dir = tempfile::tempdir_in(below).expect("a temporary directory");
    let mut random = Random(SEED);
    let (mut acknowledged, mut floor) = (Acknowledged::new(), BTreeMap::new());
    for round in 0..ROUNDS {
        // Some die before or while they recover.
        let lines = if round % 8 == 0 { random.below(4) } else { random.below(250) };
        kill_after(start(dir.path()), lines, &mut acknowledged);
        check(dir.path(), &acknowledged, &mut floor, &format!("seed {SEED:x}, round {round}")).await;
    }
    assert!(acknowledged.len() > 100 && floor.values().all(|revision| *revision > 1000), "{floor:?}");
}
