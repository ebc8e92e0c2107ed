//! The store's contract over the embedded engine: transactions, watches, compaction, quota, lifecycle.

mod support;

use std::sync::Arc;

use storage::backend::{Backend, Disk, Fault, Loss, SimDisk};
use storage::{Compare, Engine, EngineOptions, Error, Keyring, Store, Txn, TxnOutcome, Write};
use support::{committed, delete, open, open_with, put, put_if, show, show_changes};

#[tokio::test]
async fn compares_decide_and_say_what_is_there() {
    let engine = open(&SimDisk::default()).expect("opens");
    let store = engine.cluster("c").await.expect("made");
    assert_eq!((store.revision(), store.compacted()), (1, 0));
    assert_eq!(committed(&*store, put("a", "1")).await, 2);
    let absent = |key: &str| Compare::Absent(key.into());
    let present = |key: &str| Compare::Present(key.into());
    let at = |key: &str, revision| Compare::ModRevision(key.into(), revision);
    for (compares, expected) in [
        (vec![absent("a")], "failed a: a=1@2/2"),
        (vec![present("b")], "failed b: -"),
        (vec![at("a", 1)], "failed a: a=1@2/2"),
        (vec![at("b", 2)], "failed b: -"),
        (vec![present("a"), at("a", 2), absent("b"), absent("a")], "failed a: a=1@2/2"),
        (vec![present("a"), at("a", 2), absent("b")], "committed 3"),
    ] {
        let txn = Txn { compares, ..put("a", "2") };
        let outcome = match store.txn(txn).await.expect("decided") {
            TxnOutcome::Committed { revision } => format!("committed {revision}"),
            TxnOutcome::Failed { key, current } => {
                format!("failed {key}: {}", current.map_or("-".to_owned(), |entry| show(&[entry])))
            }
        };
        assert_eq!(outcome, expected);
    }
    assert_eq!(committed(&*store, delete("nothing")).await, 3, "changes nothing");
    let twice = Txn { writes: [put("a", "1").writes, delete("a").writes].concat(), ..Txn::default() };
    assert!(matches!(store.txn(twice).await, Err(Error::DuplicateKey { .. })));
    assert!(matches!(store.txn(put("", "1")).await, Err(Error::KeyLength { .. })));
    assert!(matches!(store.get("a", Some(4)).await, Err(Error::FutureRevision { .. })));
    engine.close().await;
    assert!(matches!(store.get("a", None).await, Err(Error::Closed)));
    assert!(matches!(store.txn(put("a", "1")).await, Err(Error::Closed)));
}

#[tokio::test]
async fn everything_survives_a_restart_with_and_without_snapshots() {
    for checkpoint in [false, true] {
        let disk = SimDisk::default();
        let engine = open_with(&disk, EngineOptions { segment_bytes: 300, ..Default::default() }).expect("opens");
        let (one, two) = (engine.cluster("one").await.expect("made"), engine.cluster("two").await.expect("made"));
        for number in 0..10 {
            committed(&*one, put(&format!("key{number}"), "value")).await;
            committed(&*two, put("key", &number.to_string())).await;
        }
        committed(&*one, delete("key3")).await;
        two.compact(9).await.expect("compacts");
        assert!(engine.delete_cluster("gone").await.is_ok_and(|found| !found));
        engine.cluster("gone").await.expect("made");
        assert!(engine.delete_cluster("gone").await.expect("deleted"));
        if checkpoint {
            engine.checkpoint().await.expect("checkpoints");
            committed(&*two, put("key", "last")).await;
        }
        let before = [one.snapshot().await.expect("reads"), two.snapshot().await.expect("reads")];
        engine.close().await;

        let disk = disk.reboot(Loss::Everything, Fault::None);
        assert_eq!(disk.paths().iter().any(|path| path.starts_with("snapshots/")), checkpoint);
        let engine = open(&disk).expect("opens again");
        assert_eq!(engine.clusters().iter().map(|id| &**id).collect::<Vec<_>>(), ["one", "two"]);
        let (one, two) = (engine.cluster("one").await.expect("there"), engine.cluster("two").await.expect("there"));
        assert_eq!(before, [one.snapshot().await.expect("reads"), two.snapshot().await.expect("reads")]);
        assert_eq!(two.compacted(), 9);
        assert!(matches!(two.range("", None, 0, Some(8)).await, Err(Error::Compacted { .. })));
        assert_eq!(show(&two.range("", None, 0, Some(9)).await.expect("retained").entries), "key=7@2/9");
        engine.close().await;
    }
}

#[tokio::test]
async fn watches_tell_history_then_live_changes() {
    let disk = SimDisk::default();
    let engine = open_with(&disk, EngineOptions { watch_backlog: 4, ..Default::default() }).expect("opens");
    let store = engine.cluster("c").await.expect("made");
    committed(&*store, put("/a/1", "x")).await;
    committed(&*store, put("/b/1", "x")).await;
    committed(&*store, put("/a/1", "y")).await;

    let mut old = store.watch("/a/", 1).await.expect("watches");
    let mut new = store.watch("/a/", 4).await.expect("watches");
    assert_eq!((old.progress(), new.progress()), (None, Some(4)));
    assert_eq!(show_changes(&old.next().await.expect("history")), "2:/a/1:->x 4:/a/1:x>y");
    committed(&*store, delete("/a/1")).await;
    for watch in [&mut old, &mut new] {
        assert_eq!(watch.progress(), None);
        assert_eq!(show_changes(&watch.next().await.expect("live")), "5:/a/1:y>-");
        assert_eq!(watch.progress(), Some(5));
    }
    committed(&*store, put("/b/2", "x")).await;
    assert_eq!(old.progress(), Some(6), "what it does not concern counts as seen");

    for number in 0..10 {
        committed(&*store, put("/a/2", &number.to_string())).await;
    }
    for number in 0..4 {
        assert!(show_changes(&new.next().await.expect("queued")).ends_with(&format!(">{number}")));
    }
    assert!(matches!(new.next().await, Err(Error::Lagged)));
    assert!(matches!(store.watch("", 99).await, Err(Error::FutureRevision { .. })));
    store.compact(10).await.expect("compacts");
    assert!(matches!(store.watch("", 9).await, Err(Error::Compacted { .. })));
    let mut rest = store.watch("", 14).await.expect("retained");
    assert_eq!(show_changes(&rest.next().await.expect("history")), "15:/a/2:7>8 16:/a/2:8>9");

    assert!(engine.delete_cluster("c").await.expect("deleted"));
    assert!(matches!(rest.next().await, Err(Error::ClusterDeleted { .. })));
    assert!(matches!(store.get("/a/2", None).await, Err(Error::ClusterDeleted { .. })));
    let again = engine.cluster("c").await.expect("made anew");
    assert_eq!(again.revision(), 1);
    let mut last = again.watch("", 1).await.expect("watches");
    engine.close().await;
    assert!(matches!(last.next().await, Err(Error::Closed)));
}

#[tokio::test]
async fn large_ranges_and_histories_come_whole() {
    let engine = open(&SimDisk::default()).expect("opens");
    let store = engine.cluster("c").await.expect("made");
    let writes = |from: usize| (from..from + 500).map(|n| put(&format!("k{n:05}"), "v").writes.remove(0)).collect();
    for part in 0..6 {
        committed(&*store, Txn { compares: vec![], writes: writes(part * 500) }).await;
    }
    for (limit, expected, more) in [(0, 3000, false), (2999, 2999, true), (3000, 3000, false), (1025, 1025, true), (10, 10, true)]
    {
        let page = store.range("k", None, limit, None).await.expect("reads");
        assert_eq!((page.entries.len(), page.more), (expected, more), "limit {limit}");
        assert!(page.entries.windows(2).all(|pair| pair[0].key < pair[1].key));
    }
    let mut watch = store.watch("k", 1).await.expect("watches");
    let mut seen = 0;
    while watch.progress().is_none() {
        let batch = watch.next().await.expect("history");
        assert_eq!(&*batch[0].key, format!("k{seen:05}"));
        seen += batch.len();
        if seen == 3000 {
            break;
        }
    }
    assert_eq!(seen, 3000);
    engine.close().await;
}

#[tokio::test]
async fn quota_refuses_puts_until_something_is_freed() {
    let engine = open_with(&SimDisk::default(), EngineOptions { quota_bytes: 100, ..Default::default() }).expect("opens");
    let store = engine.cluster("c").await.expect("made");
    committed(&*store, put("a", &"x".repeat(60))).await;
    assert!(matches!(store.txn(put("b", &"x".repeat(60))).await, Err(Error::QuotaExceeded { used: 61, limit: 100, .. })));
    committed(&*engine.cluster("other").await.expect("made"), put("b", &"x".repeat(60))).await;
    committed(&*store, delete("a")).await;
    store.compact(3).await.expect("compacts");
    committed(&*store, put("b", &"x".repeat(60))).await;
    engine.close().await;
}

#[tokio::test]
async fn a_failed_write_stops_everything_for_good() {
    let quiet = SimDisk::default();
    let engine = open(&quiet).expect("opens");
    engine.cluster("c").await.expect("made");
    let begin = quiet.operations();
    for operation in [begin + 1, begin + 2] {
        let disk = SimDisk::new(Fault::Error { operation });
        let engine = open(&disk).expect("opens");
        let store = engine.cluster("c").await.expect("made");
        let mut watch = store.watch("", 1).await.expect("watches");
        assert!(matches!(store.txn(put("a", "1")).await, Err(Error::Broken { .. })), "operation {operation}");
        let operations = disk.operations();
        assert!(matches!(store.txn(put("a", "1")).await, Err(Error::Broken { .. })));
        assert!(matches!(store.get("a", None).await, Err(Error::Broken { .. })));
        assert!(matches!(store.watch("", 1).await, Err(Error::Broken { .. })));
        assert!(matches!(watch.next().await, Err(Error::Broken { .. })));
        assert!(matches!(engine.cluster("d").await, Err(Error::Broken { .. })));
        assert!(matches!(engine.failure(), Some(Error::Broken { .. })));
        assert_eq!(disk.operations(), operations, "nothing is retried");
        engine.close().await;
    }
}

#[tokio::test]
async fn secrets_never_touch_the_disk_in_the_clear() {
    let disk = SimDisk::default();
    let engine = open_with(&disk, EngineOptions { segment_bytes: 200, ..Default::default() }).expect("opens");
    let store = engine.cluster("c").await.expect("made");
    for sensitive in [true, false] {
        let key = format!("/secrets/{sensitive}");
        let value = format!("password-{sensitive}").into();
        committed(&*store, Txn { compares: vec![], writes: vec![Write::Put { key, value, sensitive }] }).await;
    }
    let before = store.snapshot().await.expect("reads");
    let holds = |needle: &str| {
        let files = disk.paths().into_iter().filter_map(|path| disk.contents(&path));
        files.filter(|bytes| bytes.windows(needle.len()).any(|window| window == needle.as_bytes())).count()
    };
    assert_eq!((holds("password-true"), holds("password-false")), (0, 1));
    engine.checkpoint().await.expect("checkpoints");
    assert!(disk.paths().iter().any(|path| path.starts_with("snapshots/")));
    assert_eq!(holds("password-true"), 0);
    engine.close().await;

    let wrong = Engine::open(Arc::new(disk.clone()), &Keyring::key([9; 32]), EngineOptions::default());
    assert!(matches!(wrong.err(), Some(Error::Crypto { .. } | Error::UnknownKey { .. })));
    let engine = open(&disk).expect("opens again");
    assert_eq!(engine.cluster("c").await.expect("there").snapshot().await.expect("reads"), before);
    engine.close().await;
}

#[tokio::test]
async fn a_real_directory_is_locked_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let root = dir.path().join("state");
    let backend = || Arc::new(Disk::new(&root).expect("made"));
    let ring = Keyring::file("keyring");
    let engine = Engine::open(backend(), &ring, EngineOptions { segment_bytes: 100, ..Default::default() }).expect("opens");
    let locked = Engine::open(backend(), &ring, EngineOptions::default()).err();
    assert!(matches!(locked, Some(Error::Locked { dir }) if dir == root.display().to_string()));
    let store = engine.cluster("c").await.expect("made");
    committed(&*store, put("a", "1")).await;
    engine.checkpoint().await.expect("checkpoints");
    engine.close().await;

    for (path, mode) in [(".", 0o700), ("log", 0o700), ("snapshots", 0o700), ("lock", 0o600), ("keyring", 0o600)] {
        let found = std::fs::metadata(root.join(path)).expect("there").permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
    for dir in ["log", "snapshots"] {
        for name in backend().list(dir).expect("lists") {
            assert_eq!(backend().mode(&format!("{dir}/{name}")).expect("there"), Some(0o600), "{name}");
        }
    }
    std::fs::set_permissions(root.join("keyring"), PermissionsExt::from_mode(0o644)).expect("changed");
    let open = Engine::open(backend(), &ring, EngineOptions::default()).err();
    assert!(matches!(open, Some(Error::KeyFileMode { .. })));
    std::fs::set_permissions(root.join("keyring"), PermissionsExt::from_mode(0o600)).expect("changed");
    let engine = Engine::open(backend(), &ring, EngineOptions::default()).expect("opens again");
    let store = engine.cluster("c").await.expect("there");
    assert_eq!(store.txn(put_if("a", 2, "2")).await.expect("decided"), TxnOutcome::Committed { revision: 3 });
    engine.close().await;
}

#[tokio::test]
async fn a_thousand_clusters_share_two_threads_and_one_file() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let engine =
        Engine::open(Arc::new(Disk::new(dir.path()).expect("made")), &Keyring::file("keyring"), EngineOptions::default());
    let engine = engine.expect("opens");
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).expect("procfs").count();
    let (files, mut stores) = (count("fd"), Vec::<Arc<dyn Store>>::new());
    for number in 0..1000 {
        stores.push(engine.cluster(&format!("cluster-{number}")).await.expect("made"));
    }
    // Other tests of this process open files too, but not a thousand.
    assert!(count("fd") < files + 200 && count("task") < 200);
    assert_eq!(stores.iter().map(|store| store.revision()).sum::<u64>(), 1000);
    engine.close().await;
}
