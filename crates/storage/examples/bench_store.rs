//! Durable commits per second of the embedded engine with 1 and 64 writers of 1 KiB values.
//! Usage: bench_store [directory to write below]
#![expect(clippy::disallowed_methods, reason = "every handle is joined, or dies with the process that is killed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use storage::backend::Disk;
use storage::{Engine, EngineOptions, Keyring, Store, Txn, Write};

const VALUE_BYTES: usize = 1024;
const KEYS_PER_WRITER: u64 = 1000;
const RUN: Duration = Duration::from_secs(3);

async fn write(store: Arc<dyn Store>, writer: usize, stop: Arc<AtomicBool>, commits: Arc<AtomicU64>) -> storage::Result<()> {
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("/registry/pods/default/pod-{writer}-{}", turn % KEYS_PER_WRITER);
        let write = Write::Put { key, value: Bytes::from(vec![b'x'; VALUE_BYTES]), sensitive: false };
        store.txn(Txn { compares: vec![], writes: vec![write] }).await?;
        commits.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn run(engine: &Engine, writers: usize) -> Result<(), Box<dyn std::error::Error>> {
    let store = engine.cluster(&format!("bench-{writers}")).await?;
    let (stop, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let begin = Instant::now();
    let tasks: Vec<_> =
        (0..writers).map(|writer| tokio::spawn(write(store.clone(), writer, stop.clone(), commits.clone()))).collect();
    while begin.elapsed() < RUN {
        tokio::time::sleep(Duration::from_millis(500)).await; // the length of the measurement, and when to compact
        store.compact(store.revision()).await?;
    }
    let measured = (commits.load(Ordering::Relaxed), begin.elapsed());
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    let rate = measured.0 as f64 / measured.1.as_secs_f64();
    println!("{writers:>3} writers: {rate:>9.0} durable commits/s of {VALUE_BYTES} bytes");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let below = std::env::args_os().nth(1).unwrap_or_else(|| std::env::temp_dir().into());
    let dir = tempfile::tempdir_in(below)?;
    let disk = Arc::new(Disk::new(dir.path())?);
    let engine = Engine::open(disk.clone(), &Keyring::file("keyring"), EngineOptions::default())?;
    for writers in [1, 64] {
        run(&engine, writers).await?;
    }
    engine.close().await;
    let begin = Instant::now();
    let engine = Engine::open(disk, &Keyring::file("keyring"), EngineOptions::default())?;
    println!("reopened in {} ms", begin.elapsed().as_millis());
    engine.close().await;
    Ok(())
}
