//! Every flipped byte is noticed: refused with the file's name, unless it looks like the torn tail of the very last write.

mod support;

use storage::backend::{Fault, Loss, SimDisk};
use storage::{EngineOptions, Error, Snapshot};
use support::{committed, delete, open, open_with, put};

struct Sample {
    disk: SimDisk,
    last_segment: String,
    /// Where the last frame of the log begins.
    last_frame: usize,
    before_last: Snapshot,
    whole: Snapshot,
}

/// Two clusters, a snapshot, and a log of some segments.
async fn sample() -> Sample {
    let disk = SimDisk::default();
    let engine = open_with(&disk, EngineOptions { segment_bytes: 250, ..Default::default() }).expect("opens");
    let (store, other) = (engine.cluster("c").await.expect("made"), engine.cluster("d").await.expect("made"));
    for number in 0..5 {
        committed(&*store, put(&format!("key{number}"), "value")).await;
        committed(&*other, put("key", "value")).await;
    }
    engine.checkpoint().await.expect("checkpoints");
    for number in 0..4 {
        committed(&*store, put(&format!("key{number}"), "other")).await;
        committed(&*other, delete("key")).await;
    }
    let segment = || disk.paths().into_iter().rfind(|path| path.starts_with("log/")).expect("there is one");
    let length = |path: &str| disk.contents(path).expect("there").len();
    let (mut last_segment, mut last_frame, mut before_last) = (segment(), 0, store.snapshot().await.expect("reads"));
    // Until the last segment has two frames, so that damage in front of the last one can be tried too.
    for number in 0.. {
        let (at, had) = (segment(), length(&segment()));
        let before = store.snapshot().await.expect("reads");
        committed(&*store, put("more", &number.to_string())).await;
        if segment() == at && number > 0 {
            (last_segment, last_frame, before_last) = (at, had, before);
            break;
        }
    }
    let whole = store.snapshot().await.expect("reads");
    engine.close().await;
    Sample { disk, last_segment, last_frame, before_last, whole }
}

/// What opening says: the snapshot of cluster `c`, or why not.
async fn opened(disk: &SimDisk) -> Result<Snapshot, Error> {
    let engine = open(disk)?;
    let found = engine.cluster("c").await?.snapshot().await;
    engine.close().await;
    found
}

#[tokio::test]
async fn every_flipped_byte_is_noticed() {
    let sample = sample().await;
    let files: Vec<_> = sample.disk.paths();
    assert!(files.iter().filter(|path| path.starts_with("log/")).count() > 2, "{files:?}");
    assert!(files.iter().filter(|path| path.starts_with("snapshots/")).count() == 2, "{files:?}");
    let mut cut_off = 0;
    for path in files {
        let intact = sample.disk.contents(&path).expect("there");
        for offset in 0..intact.len() {
            for mask in [1 << (offset % 8), 0xff] {
                let disk = sample.disk.reboot(Loss::Nothing, Fault::None);
                let mut bytes = intact.clone();
                bytes[offset] ^= mask;
                disk.overwrite(&path, bytes);
                match opened(&disk).await {
                    Err(Error::Corrupt { file, offset: at, .. }) => {
                        assert_eq!(file, path);
                        assert!(at <= offset as u64, "{path}: {offset} was flipped, {at} is blamed");
                        assert!(path != sample.last_segment || offset < sample.last_frame);
                    }
                    Err(error) => panic!("{path} at {offset}: {error}"),
                    Ok(found) => {
                        assert!(path == sample.last_segment && offset >= sample.last_frame, "{path} at {offset}: not noticed");
                        assert_eq!(found, sample.before_last);
                        cut_off += 1;
                    }
                }
            }
        }
    }
    assert!(cut_off > 0, "the last frame was flipped too");
    assert_eq!(opened(&sample.disk).await.expect("the sample itself is intact"), sample.whole);
}

#[tokio::test]
async fn a_missing_or_shortened_or_foreign_file_is_noticed() {
    let sample = sample().await;
    for path in sample.disk.paths() {
        let disk = sample.disk.reboot(Loss::Nothing, Fault::None);
        let bytes = disk.contents(&path).expect("there");
        disk.overwrite(&path, bytes[..bytes.len() - 1].to_vec());
        match opened(&disk).await {
            Ok(found) => assert!(path == sample.last_segment && found == sample.before_last),
            Err(error) => assert!(matches!(&error, Error::Corrupt { file, .. } if *file == path), "{path}: {error}"),
        }
        if path != sample.last_segment {
            let disk = sample.disk.reboot(Loss::Nothing, Fault::None);
            storage::backend::Backend::remove(&disk, &path).expect("there");
            assert!(matches!(opened(&disk).await, Err(Error::Corrupt { .. })), "{path} is missing");
        }
        let disk = sample.disk.reboot(Loss::Nothing, Fault::None);
        disk.overwrite(&format!("{path}.bak"), bytes);
        assert!(matches!(opened(&disk).await, Err(Error::Corrupt { .. })), "{path}.bak does not belong here");
    }
}
