//! Histories of concurrent compare-and-swaps are linearizable, and every watcher tells the same story without a gap.
#![expect(clippy::disallowed_methods, reason = "every handle is joined, or dies with the process that is killed")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use storage::backend::SimDisk;
use storage::{Change, Compare, EngineOptions, Store, Txn, TxnOutcome, Watch};
use support::{Random, delete, open_with, put_if};

const WRITERS: u64 = 8;
const TURNS: u64 = 300;
const KEYS: u64 = 3;

/// One compare-and-swap as its caller saw it. Times are ticks of one shared counter.
#[derive(Debug)]
struct Attempt {
    key: String,
    asked: u64,
    answered: u64,
    /// 0: absent.
    expected: u64,
    deletes: bool,
    outcome: TxnOutcome,
}

async fn write(store: Arc<dyn Store>, clock: Arc<AtomicU64>, number: u64) -> Vec<Attempt> {
    let mut random = Random(number + 1);
    let mut attempts = Vec::new();
    for turn in 0..TURNS {
        let key = format!("/{}", random.below(KEYS));
        let read = clock.fetch_add(1, Ordering::SeqCst);
        let expected = store.get(&key, None).await.expect("reads").map_or(0, |entry| entry.mod_revision);
        let asked = clock.fetch_add(1, Ordering::SeqCst);
        assert!(asked > read);
        let deletes = expected != 0 && random.below(5) == 0;
        let txn = match deletes {
            true => Txn { compares: vec![Compare::ModRevision(key.clone(), expected)], ..delete(&key) },
            false => put_if(&key, expected, &format!("{number}-{turn}")),
        };
        let outcome = store.txn(txn).await.expect("decided");
        let answered = clock.fetch_add(1, Ordering::SeqCst);
        attempts.push(Attempt { key, asked, answered, expected, deletes, outcome });
    }
    attempts
}

/// Everything up to `last`.
async fn follow(mut watch: Watch, last: u64) -> Vec<Change> {
    let mut seen: Vec<Change> = Vec::new();
    while seen.last().is_none_or(|change| change.revision < last) {
        seen.extend(watch.next().await.expect("not cut off").iter().cloned());
    }
    seen
}

/// By revision: every success swapped exactly what the one before it left, in an order that real time allows.
fn check_chain(attempts: &[Attempt]) -> BTreeMap<u64, &Attempt> {
    let mut chain = BTreeMap::new();
    for attempt in attempts {
        if let TxnOutcome::Committed { revision } = attempt.outcome {
            assert!(chain.insert(revision, attempt).is_none(), "revision {revision} was given twice");
        }
    }
    let mut left: BTreeMap<&str, u64> = BTreeMap::new();
    let mut latest_asked = 0;
    for (revision, attempt) in &chain {
        assert_eq!(attempt.expected, left.get(&*attempt.key).copied().unwrap_or(0), "at {revision}");
        left.insert(&attempt.key, if attempt.deletes { 0 } else { *revision });
        assert!(attempt.answered > latest_asked, "{revision} was answered before an earlier revision was asked for");
        latest_asked = latest_asked.max(attempt.asked);
    }
    chain
}

/// A failure must show a state that the chain passes through, and one that was not over before it was asked.
fn check_failures(attempts: &[Attempt], chain: &BTreeMap<u64, &Attempt>) {
    for attempt in attempts {
        let TxnOutcome::Failed { key, current } = &attempt.outcome else { continue };
        let found = current.as_ref().map_or(0, |entry| entry.mod_revision);
        assert_eq!(*key, attempt.key);
        assert_ne!(found, attempt.expected);
        assert!(found == 0 || chain.get(&found).is_some_and(|by| by.key == *key && !by.deletes && by.asked < attempt.answered));
        if found != 0 {
            let successor = chain.range(found + 1..).find(|(_, next)| next.key == *key);
            assert!(successor.is_none_or(|(_, next)| next.answered > attempt.asked), "{attempt:?} saw the past");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn concurrent_swaps_are_linearizable_and_watched_without_a_gap() {
    let options = EngineOptions { segment_bytes: 20_000, log_bytes: 60_000, watch_backlog: 100_000, ..Default::default() };
    let engine = open_with(&SimDisk::default(), options).expect("opens");
    let store = engine.cluster("c").await.expect("made");
    let clock = Arc::new(AtomicU64::new(1));
    let early = [store.watch("", 1).await.expect("watches"), store.watch("", 1).await.expect("watches")];
    let writers: Vec<_> = (0..WRITERS).map(|number| tokio::spawn(write(store.clone(), clock.clone(), number))).collect();
    let mut middle = Vec::new();
    let mut ticks = store.watch("", 1).await.expect("watches");
    for _ in 0..20 {
        // Joins wherever the writers happen to be, history and live changes meeting there.
        let after = ticks.next().await.expect("changes").last().map_or(1, |change| change.revision);
        middle.push((after / 2 + 1, store.watch("", after / 2 + 1).await.expect("watches")));
    }
    let mut attempts = Vec::new();
    for writer in writers {
        attempts.extend(writer.await.expect("writes"));
    }
    let chain = check_chain(&attempts);
    check_failures(&attempts, &chain);
    let last = store.revision();
    assert_eq!(chain.keys().copied().collect::<Vec<_>>(), (2..=last).collect::<Vec<_>>(), "no revision without a success");

    let [one, two] = early;
    let (one, two) = (follow(one, last).await, follow(two, last).await);
    assert_eq!(one, two);
    assert_eq!(one.iter().map(|change| change.revision).collect::<Vec<_>>(), (2..=last).collect::<Vec<_>>());
    for change in &one {
        let by = chain[&change.revision];
        assert_eq!((&*change.key, change.value.is_none()), (&*by.key, by.deletes));
        assert_eq!(change.previous.as_ref().map_or(0, |entry| entry.mod_revision), by.expected);
    }
    for (after, watch) in middle {
        assert_eq!(follow(watch, last).await, one[(after - 1) as usize..], "after {after}");
    }
    engine.close().await;
}
