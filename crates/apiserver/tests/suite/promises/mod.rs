//! What holds for every kind of every minor.

mod read;
mod remove;
mod status;
mod watch;
mod write;

use crate::kind::{Check, Kind, SKIPPED, is_skipped};
use crate::world::{Recorder, World, line};
use client::Verb;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::pin::Pin;

type Promise = for<'a> fn(&'a Kind<'a>) -> Pin<Box<dyn Future<Output = Check> + Send + 'a>>;

const PROMISES: &[(&str, Promise)] = &[
    ("create and get", |k| Box::pin(read::create_and_get(k))),
    ("selectors", |k| Box::pin(read::selectors(k))),
    ("pages", |k| Box::pin(read::pages(k))),
    ("watch", |k| Box::pin(watch::every_change(k))),
    ("selector transitions", |k| Box::pin(watch::selector_transitions(k))),
    ("initial events", |k| Box::pin(watch::initial_events(k))),
    ("update", |k| Box::pin(write::update(k))),
    ("patch", |k| Box::pin(write::patch(k))),
    ("metadata", |k| Box::pin(write::metadata_is_the_servers(k))),
    ("status", |k| Box::pin(status::isolation(k))),
    ("generation", |k| Box::pin(status::generation(k))),
    ("delete", |k| Box::pin(remove::preconditions(k))),
    ("finalizers", |k| Box::pin(remove::finalizers(k))),
    ("deletecollection", |k| Box::pin(remove::collection(k))),
    ("dry run", |k| Box::pin(write::dry_run(k))),
];

async fn keep_all(minor: u32) -> (World, Recorder) {
    let (world, seen) = (World::start(minor).await, Recorder::default());
    let mut broken = String::new();
    for kind in Kind::all(&world, &seen) {
        for (name, promise) in PROMISES {
            if let Err(why) = promise(&kind).await {
                // Writing to a String cannot fail.
                let _ = writeln!(broken, "{}: {name}: {}", kind.shown(), why.0);
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
    (world, seen)
}

#[tokio::test]
async fn every_kind_of_1_34() {
    keep_all(34).await;
}

#[tokio::test]
async fn every_kind_of_1_36() {
    let (world, seen) = keep_all(36).await;
    compare("untested-verbs.txt", include_str!("../untested-verbs.txt"), &untested(&world, &seen));
}

#[tokio::test]
async fn every_kind_of_1_37() {
    keep_all(37).await;
}

/// Old versions expire for every kind, once history is compacted.
#[tokio::test]
async fn every_kind_says_when_a_version_is_too_old() {
    let (world, seen) = (World::start(36).await, Recorder::default());
    let old = world.admin().list(crate::world::PODS, "", client::Options::default()).await.expect("a list").revision;
    let kinds = Kind::all(&world, &seen);
    for kind in &kinds {
        kind.create(kind.doc("old", "old-0")).await.unwrap_or_else(|why| panic!("{}: {}", kind.shown(), why.0));
    }
    world.forget_history().await;
    for kind in &kinds {
        let why = watch::too_old(kind, old).await;
        assert!(why.is_ok(), "{}: {why:?}", kind.shown());
    }
}

/// Endpoints that have tests of their own.
const ELSEWHERE: &[(&str, &str)] = &[
    ("/scale ", "scale.rs"),
    (" bindings create", "pods.rs"),
    ("pods/binding create", "pods.rs"),
    ("pods/eviction create", "pods.rs"),
    ("pods/ephemeralcontainers patch", "pods.rs"),
    ("pods/ephemeralcontainers update", "pods.rs"),
    ("pods/resize patch", "pods.rs"),
    ("reviews create", "reviews.rs"),
    ("serviceaccounts/token create", "tokens.rs"),
    ("certificatesigningrequests/approval patch", "certificates.rs"),
];

/// Verbs of the catalog, subresources included, that no test has seen succeed. The list may only shrink.
fn untested(world: &World, seen: &Recorder) -> String {
    let mut lines = BTreeSet::new();
    for def in world.catalog.iter() {
        let own = def.verbs.iter().map(|verb| line(&def.gvr, "", verb));
        let subs = def.subresources.iter().flat_map(|s| s.verbs.iter().map(|verb| line(&def.gvr, &s.name, verb)));
        let elsewhere = |line: &String| ELSEWHERE.iter().any(|(part, _)| line.contains(part));
        lines.extend(own.chain(subs).filter(|line| !seen.saw(line) && !elsewhere(line)));
    }
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

/// Holds a list against its golden; `UPDATE_GOLDENS=1` writes it anew.
pub fn compare(file: &str, golden: &str, now: &str) {
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        let path = format!("{}/tests/suite/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, now).expect("the golden can be written");
        return;
    }
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (golden.lines().collect(), now.lines().collect());
    let grown: Vec<_> = new.difference(&old).collect();
    let shrunk: Vec<_> = old.difference(&new).collect();
    assert!(grown.is_empty(), "{file} may only shrink, but these are new: {grown:#?}");
    assert!(shrunk.is_empty(), "{file} can shrink (UPDATE_GOLDENS=1) by {shrunk:#?}");
}

/// Nothing is skipped that could be tested.
#[tokio::test]
async fn what_is_skipped_cannot_be_stored() {
    let world = World::start(37).await;
    for line in SKIPPED.lines() {
        let (kind, reason) = line.split_once(' ').expect("a kind and a reason");
        assert!(!reason.is_empty(), "{kind}");
        assert!(world.catalog.iter().any(|def| def.kind == kind), "{kind} is served by no version");
    }
    for def in world.catalog.iter().filter(|def| is_skipped(def) && def.allows("create")) {
        let kind = Kind { world: &world, def: def.clone(), client: world.admin() };
        // Most are refused, some answered; none is stored.
        drop(kind.client.call(kind.call(Verb::Create, "").body(kind.doc("skipped", "skipped"))).await);
        world.server.caches().fresh().await.expect("the caches follow");
        let stored = world.server.caches().of(&def.gvr).map_or(0, |cache| cache.len());
        assert_eq!(stored, 0, "{}", kind.shown());
    }
}
