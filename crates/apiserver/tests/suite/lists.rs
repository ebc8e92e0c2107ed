//! Lists at the edges: versions from the future, tokens of a compacted past, options that contradict each other.

use crate::world::{CONFIG_MAPS, NS, World, options};
use client::{Options, VersionMatch};
use serde_json::json;

async fn five(world: &World) {
    for n in 0..5 {
        world.make(CONFIG_MAPS, NS, json!({"metadata": {"name": format!("c-{n}")}})).await;
    }
}

async fn failure(world: &World, edit: impl FnOnce(&mut Options)) -> String {
    let outcome = world.admin().list(CONFIG_MAPS, NS, options(edit)).await;
    outcome.map_or_else(|s| format!("{} {}", s.code(), s.message), |_| "ok".into())
}

#[tokio::test]
async fn contradictions_are_refused() {
    let world = World::start(36).await;
    five(&world).await;
    let now = world.server.caches().store().revision();
    let future = failure(&world, |o| o.resource_version = (now + 7).to_string()).await;
    assert_eq!(future, format!("504 Timeout: Too large resource version: {}, current: {now}", now + 7));
    let exact = Some(VersionMatch::Exact);
    for (outcome, expected) in [
        (
            failure(&world, |o| o.version_match = exact).await,
            "400 resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (
            failure(&world, |o| (o.resource_version, o.version_match) = ("0".into(), exact)).await,
            "400 resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"",
        ),
        (failure(&world, |o| o.continue_token = "nonsense".into()).await, "400 continue key is not valid"),
        (failure(&world, |o| o.label_selector = "a in".into()).await, "400 unable to parse label selector"),
    ] {
        assert!(outcome.starts_with(expected), "{outcome}");
    }
    let page = world.admin().list(CONFIG_MAPS, NS, options(|o| o.limit = 2)).await.expect("a page");
    assert_eq!((page.items.len(), page.remaining), (2, Some(3)));
    let both = failure(&world, |o| (o.continue_token, o.resource_version) = (page.continue_token, now.to_string())).await;
    assert_eq!(both, "400 specifying resource version is not allowed when using continue");
}

/// A token of the compacted past answers 410 with one that goes on inconsistently.
#[tokio::test]
async fn compacted_pages_offer_the_rest() {
    let world = World::start(36).await;
    five(&world).await;
    let admin = world.admin();
    let first = admin.list(CONFIG_MAPS, NS, options(|o| o.limit = 2)).await.expect("a page");
    world.make(CONFIG_MAPS, NS, json!({"metadata": {"name": "c-9"}})).await;
    world.forget_history().await;
    let gone = admin.list(CONFIG_MAPS, NS, options(|o| (o.limit, o.continue_token) = (2, first.continue_token))).await;
    let gone = gone.expect_err("compacted");
    assert_eq!((gone.code(), &gone.message[..52]), (410, "The provided continue parameter is too old to displa"));
    let rest = admin.list(CONFIG_MAPS, NS, options(|o| o.continue_token = gone.continue_token)).await.expect("the rest");
    assert_eq!(crate::kind::names(&rest.items), ["c-2", "c-3", "c-4", "c-9"]);
    let old = first.revision.to_string();
    let exact = options(|o| (o.resource_version, o.version_match) = (old, Some(VersionMatch::Exact)));
    assert_eq!(admin.list(CONFIG_MAPS, NS, exact).await.err().map(|s| s.code()), Some(410));
}
