//! Pulls from a registry that works, asks for credentials, or fails in every way that registries do.

use crate::content::{Home, Made, files, index, sha256};
use crate::registry::{Auth, Fault, Registry};
use images::{Credentials, Image, ImageService, Options, PullError, Store};
use std::time::Duration;

fn credentials(password: &str) -> Credentials {
    Credentials { username: "user".into(), password: password.into(), identity_token: String::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tag_by_digest_and_by_platform() {
    let (registry, home) = (Registry::start().await, Home::new());
    let (ours, theirs) = (Made::simple(b"ours"), Made::new(&[("x", b"theirs")], "s390x"));
    registry.push(&ours, "1");
    registry.push(&theirs, "theirs");
    let list = index(&[(&theirs, "s390x"), (&ours, "amd64")]);
    registry.push_index(&list, "many");
    registry.push_index(&index(&[(&theirs, "s390x")]), "foreign");
    let (name, repository) = (format!("{}/a/b:1", registry.address), format!("{}/a/b", registry.address));
    let image = home.store.pull_image(&name, None).await.expect("an image");
    assert_eq!((&image.id, &image.repo_tags), (&ours.id(), &vec![name.clone()]));
    assert_eq!(image.repo_digests, [format!("{repository}@{}", sha256(&ours.manifest))]);
    assert_eq!(files(&image)[1].1, b"ours");
    assert_eq!(home.find(&name), Some(image));
    assert_eq!(registry.asked("/blobs/"), 3);
    let many = home.store.pull_image(&format!("{repository}:many"), None).await.expect("an image");
    assert_eq!((&many.id, registry.asked("/blobs/")), (&ours.id(), 1), "its layers are there: only the config is asked for");
    assert!(many.repo_digests.contains(&format!("{repository}@{}", sha256(&list))));
    let by_digest = format!("{repository}:ignored@{}", sha256(&ours.manifest));
    let image = home.store.pull_image(&by_digest, None).await.expect("an image");
    assert!(home.find(&by_digest).is_some() && !image.repo_tags.iter().any(|tag| tag.contains("ignored")));
    for tag in ["foreign", "theirs"] {
        let refused = home.store.pull_image(&format!("{repository}:{tag}"), None).await.expect_err("another machine's");
        assert!(refused.to_string().contains("no match for platform in manifest: not found"), "{refused}");
    }
    assert!(home.is_tidy());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_shown_when_asked_for() {
    let (registry, home) = (Registry::start().await, Home::new());
    registry.push(&Made::simple(b"x"), "1");
    let name = format!("{}/a/b:1", registry.address);
    let denied = "pull access denied, repository does not exist or may require authorization";
    for (auth, given, expected) in [
        (Auth::Basic, None, Err(denied)),
        (Auth::Basic, Some(credentials("wrong")), Err(denied)),
        (Auth::Basic, Some(credentials("secret")), Ok(())),
        (Auth::Token, None, Err("failed to authorize: failed to fetch oauth token: incorrect username or password")),
        (Auth::Token, Some(credentials("wrong")), Err("failed to authorize: failed to fetch oauth token")),
        (Auth::Token, Some(credentials("secret")), Ok(())),
        (Auth::None, Some(credentials("whatever")), Ok(())),
    ] {
        registry.set(Fault::None, auth);
        match (home.store.pull_image(&name, given.as_ref()).await, expected) {
            (Ok(_), Ok(())) => {}
            (Err(PullError::Refused { image, why }), Err(expected)) => {
                assert!(why.starts_with(&format!("failed to resolve reference \"{name}\": ")) && why.contains(expected), "{why}");
                assert_eq!(image, name);
            }
            (seen, expected) => panic!("{auth:?}: {seen:?}, not {expected:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_in_containerds_words() {
    let (registry, home) = (Registry::start().await, Home::new());
    registry.push(&Made::simple(b"some content"), "1");
    let name = format!("{}/a/b:1", registry.address);
    for (fault, class, expected) in [
        (Fault::Manifest(404), "refused", ": not found"),
        (Fault::Manifest(403), "refused", "pull access denied"),
        (Fault::Manifest(500), "unreachable", "unexpected status from GET request to http://"),
        (Fault::Manifest(500), "unreachable", "500 Internal Server Error"),
        (Fault::Manifest(429), "unreachable", "429 Too Many Requests"),
        (Fault::Blob(503), "unreachable", "503 Service Unavailable"),
        (Fault::Truncated, "unreachable", "failed to copy"),
        (Fault::WrongBytes, "unreachable", "Invalid digest"),
    ] {
        registry.set(fault, Auth::None);
        check(home.store.pull_image(&name, None).await, class, expected, &name);
        assert!(home.is_tidy() && home.layers() == 0, "{fault:?}");
    }
    registry.set(Fault::None, Auth::None);
    let missing = format!("{}/a/b:2", registry.address);
    check(home.store.pull_image(&missing, None).await, "refused", &format!("{missing}: not found"), &missing);
    check(
        home.store.pull_image("127.0.0.1:1/x", None).await,
        "unreachable",
        "dial tcp 127.0.0.1:1: connect: connection refused",
        "127.0.0.1:1/x:latest",
    );
    let invalid = home.store.pull_image("x y", None).await;
    assert_eq!(invalid, Err(PullError::InvalidName("couldn't parse image name \"x y\": invalid reference format".into())));
    assert!(home.store.pull_image(&name, None).await.is_ok(), "nothing of the failures stays");
}

fn check(seen: Result<Image, PullError>, class: &str, expected: &str, image: &str) {
    let error = seen.expect_err(expected);
    let of = match &error {
        PullError::Refused { .. } => "refused",
        PullError::Unreachable { .. } => "unreachable",
        other => panic!("{expected}: {other:?}"),
    };
    let text = error.to_string();
    assert!(of == class && text.contains(expected), "{class} {expected}: {error:?}");
    assert!(text.starts_with(&format!("failed to pull and unpack image \"{image}\": ")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_pull_for_all_who_ask() {
    let (registry, home) = (Registry::start().await, Home::new());
    registry.push(&Made::simple(b"x"), "1");
    let name = format!("{}/a/b:1", registry.address);
    let pulls = futures::future::join_all((0..20).map(|_| home.store.pull_image(&name, None))).await;
    assert!(pulls.iter().all(|pulled| pulled.is_ok() && *pulled == pulls[0]));
    assert_eq!(registry.asked("/blobs/"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_registry_and_a_pull_that_nobody_waits_for() {
    let registry = Registry::start().await;
    registry.push(&Made::simple(b"some content"), "1");
    registry.set(Fault::Silent, Auth::None);
    let directory = tempfile::tempdir().expect("a directory");
    let mut options = Options::default();
    options.timeouts.read = Duration::from_millis(200);
    let store = Store::open(&directory.path().join("images"), options).expect("a store");
    let name = format!("{}/a/b:1", registry.address);
    assert!(matches!(store.pull_image(&name, None).await, Err(PullError::Unreachable { .. })));
    let home = Home::new();
    let waited = tokio::time::timeout(Duration::from_millis(200), home.store.pull_image(&name, None)).await;
    assert!(waited.is_err() && home.is_tidy(), "the pull ends with the last who waits for it");
}
