//! Watching.

use crate::kind::{Check, Kind, same, selecting, version};
use crate::world::{next, options};
use client::{Options, VersionMatch, WatchStream};
use meta::Doc;

async fn open(kind: &Kind<'_>, options: Options) -> Check<WatchStream> {
    Ok(kind.client.watch(kind.def.gvr.clone(), kind.ns(), options).await?)
}

fn from(suite: &str, version: &str) -> Options {
    Options { resource_version: version.into(), ..selecting(suite) }
}

/// Created, changed, deleted: told live, and told again to whoever resumes in the middle.
pub async fn every_change(kind: &Kind<'_>) -> Check {
    let name = &kind.name("watch-0");
    let start = kind.list(selecting("watch")).await?.revision.to_string();
    let mut live = open(kind, from("watch", &start)).await?;
    let made = kind.create(kind.doc("watch", "watch-0")).await?;
    let changed = kind.label(name, "a", "b".into()).await?;
    same("versions rise", number(&changed) > number(&made), true)?;
    kind.remove(name).await?;
    let mut expected = vec![format!("ADDED {name}"), format!("MODIFIED {name}")];
    // A namespace is marked, and terminates.
    expected.extend(kind.lingers().then(|| format!("MODIFIED {name}")));
    expected.push(format!("DELETED {name}"));
    same("live", next(&mut live, expected.len()).await, expected.clone())?;
    let mut again = open(kind, from("watch", &start)).await?;
    same("resumed", next(&mut again, expected.len()).await, expected.clone())?;
    let mut later = open(kind, from("watch", version(&made))).await?;
    same("resumed later", next(&mut later, expected.len() - 1).await, expected[1..].to_vec())?;
    let named = options(|o| (o.resource_version, o.field_selector) = (start, format!("metadata.name={name}")));
    same("by name", next(&mut open(kind, named).await?, expected.len()).await, expected)
}

fn number(doc: &Doc) -> u64 {
    version(doc).parse().unwrap_or(0)
}

/// An object that starts to match is added, one that ceases to match is deleted.
pub async fn selector_transitions(kind: &Kind<'_>) -> Check {
    let name = &kind.name("shift-0");
    let start = kind.list(selecting("shift")).await?.revision.to_string();
    let mut stream = open(kind, options(|o| (o.resource_version, o.label_selector) = (start, "shifted=yes".into()))).await?;
    kind.create(kind.doc("shift", "shift-0")).await?;
    kind.label(name, "shifted", "yes".into()).await?;
    kind.label(name, "more", "yes".into()).await?;
    kind.label(name, "shifted", Doc::Null).await?;
    kind.label(name, "shifted", "yes".into()).await?;
    kind.remove(name).await?;
    let mut expected: Vec<String> = ["ADDED", "MODIFIED", "DELETED", "ADDED"].map(|k| format!("{k} {name}")).into();
    expected.extend(kind.lingers().then(|| format!("MODIFIED {name}")));
    expected.push(format!("DELETED {name}"));
    same("events", next(&mut stream, expected.len()).await, expected)
}

/// A streaming list: what is there, a bookmark that says so, then what comes.
pub async fn initial_events(kind: &Kind<'_>) -> Check {
    let names = [kind.name("init-0"), kind.name("init-1")];
    kind.create(kind.doc("init", "init-0")).await?;
    let streaming = Options {
        send_initial_events: Some(true),
        allow_bookmarks: true,
        version_match: Some(VersionMatch::NotOlderThan),
        ..selecting("init")
    };
    let mut stream = open(kind, streaming).await?;
    let mut plain = open(kind, selecting("init")).await?;
    kind.create(kind.doc("init", "init-1")).await?;
    let expected = [format!("ADDED {}", names[0]), "INITIAL".into(), format!("ADDED {}", names[1])];
    same("streaming list", next(&mut stream, 3).await, expected.to_vec())?;
    same("from nothing", next(&mut plain, 2).await, vec![expected[0].clone(), expected[2].clone()])?;
    let without = options(|o| (o.send_initial_events, o.allow_bookmarks) = (Some(true), true));
    let text = "sendInitialEvents is forbidden for watch unless resourceVersionMatch is provided";
    let refused = open(kind, without).await.err().map(|why| why.0);
    same("without a match", refused, Some(format!("400 {text}")))?;
    for name in &names {
        kind.remove(name).await?;
    }
    Ok(())
}

pub async fn too_old(kind: &Kind<'_>, version: u64) -> Check {
    let why = open(kind, from("old", &version.to_string())).await.err().map(|why| why.0).unwrap_or_default();
    same(&why, why.starts_with(&format!("410 too old resource version: {version} (")), true)
}
