//! Loading: both kinds of archive, names, platforms, and what is refused without a trace.

use crate::content::{Home, Made, descriptor, files, gzip, index, oci_archive, sha256, tar};
use images::{ImageService, Removed};
use serde_json::json;

const NAME: &str = "docker.io/library/demo:1";

#[test]
fn an_oci_archive_is_an_image() {
    let home = Home::new();
    let made = Made::simple(b"the top");
    let loaded = home.load(&gzip(&made.archive(&[NAME, "demo:2"])), None).expect("an image");
    let image = &loaded[0];
    assert_eq!((loaded.len(), &image.id), (1, &made.id()));
    assert_eq!(image.repo_tags, [NAME, "docker.io/library/demo:2"]);
    assert_eq!(image.repo_digests, [format!("docker.io/library/demo@{}", sha256(&made.manifest))]);
    assert_eq!((&image.cmd, &image.env, &image.entrypoint), (&vec!["sh".into()], &vec!["A=b".into()], &Vec::<String>::new()));
    assert_eq!((image.working_dir.as_str(), image.user.as_str(), image.stop_signal.as_str()), ("/w", "7", "SIGINT"));
    assert_eq!(files(image), [("base".into(), b"the base".to_vec()), ("top".into(), b"the top".to_vec())]);
    for name in ["demo:1", "demo:2", &made.id(), made.id().trim_start_matches("sha256:"), &image.repo_digests[0]] {
        assert_eq!(home.find(name).as_ref(), Some(image), "{name}");
    }
    assert_eq!(home.find("demo"), None);
    let home = home.reopen();
    assert_eq!(home.find("demo:1").as_ref(), Some(image));
    assert!(home.is_tidy());
}

#[test]
fn an_archive_of_docker_save() {
    let home = Home::new();
    let made = Made::simple(b"the top");
    let (base, top) = (tar(&[("base", b"the base")]), tar(&[("top", b"the top")]));
    let list = json!([{"Config": "c.json", "RepoTags": ["demo:1"], "Layers": ["one/layer.tar", "two/layer.tar"]}]).to_string();
    let files_of_it = |list: &str| {
        tar(&[("one/layer.tar", &base), ("two/layer.tar", &top), ("c.json", &made.config), ("manifest.json", list.as_bytes())])
    };
    let image = home.load(&files_of_it(&list), None).expect("an image").remove(0);
    assert_eq!((&image.id, &image.repo_tags), (&made.id(), &vec![NAME.to_owned()]));
    assert_eq!(files(&image).len(), 2);
    let nameless = list.replace("[\"demo:1\"]", "null");
    assert!(home.load(&files_of_it(&nameless), None).is_err_and(|why| why.contains("--name")));
    assert_eq!(home.load(&files_of_it(&nameless), Some("other")).expect("an image")[0].repo_tags.len(), 2);
    assert!(home.is_tidy());
}

#[test]
fn names_and_platforms() {
    let (ours, theirs) = (Made::simple(b"ours"), Made::new(&[("x", b"theirs")], "s390x"));
    let list = index(&[(&theirs, "s390x"), (&ours, "amd64")]);
    let mut entry = descriptor("application/vnd.oci.image.index.v1+json", &list);
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "demo:1"});
    let mut blobs = ours.blobs();
    blobs.push(&list);
    let home = Home::new();
    let image = home.load(&oci_archive(&json!([entry]), &blobs), None).expect("an image").remove(0);
    assert_eq!((image.id, image.repo_tags), (ours.id(), vec![NAME.to_owned()]));
    let renamed = home.load(&ours.archive(&["a", "b"]), Some("localhost:5000/c")).expect("an image").remove(0);
    assert!(renamed.repo_tags.contains(&"localhost:5000/c:latest".to_owned()) && home.find("a").is_none());
    // A tag moves to the image that took it last; the old image stays, by its digest.
    let moved = home.load(&Made::simple(b"newer").archive(&["demo:1"]), None).expect("an image").remove(0);
    assert_eq!(home.find("demo:1").map(|image| image.id), Some(moved.id));
    assert!(home.find(&ours.id()).is_some() && home.is_tidy());
}

#[test]
fn refused_without_a_trace() {
    let made = Made::simple(b"x");
    let foreign = Made::new(&[("x", b"x")], "s390x");
    let entry = json!([{"mediaType": "m", "digest": sha256(&made.manifest), "size": 1, "annotations": {"io.containerd.image.name": "a"}}]);
    let swapped = {
        // The layer's bytes are as the manifest says, but not what the config says they unpack to.
        let mut other = Made::simple(b"y");
        other.config = made.config.clone();
        let mut manifest: serde_json::Value = serde_json::from_slice(&other.manifest).expect("JSON");
        manifest["config"] = descriptor("c", &other.config);
        other.manifest = manifest.to_string().into_bytes();
        other
    };
    let wrong_blob = tar(&[("index.json", b"{}"), (&format!("blobs/sha256/{}", "0".repeat(64)), b"x")]);
    let half = made.archive(&["a"]);
    let home = Home::new();
    for (label, archive, name, expected) in [
        ("nothing", Vec::new(), None, "not an archive of images"),
        ("noise", vec![7; 4096], None, "not an archive of images"),
        ("half", half[..half.len() / 2].to_vec(), None, "not an archive of images"),
        ("other tar", tar(&[("readme", b"hello")]), None, "neither index.json nor manifest.json"),
        ("wrong blob", wrong_blob, None, "of the archive is sha256:"),
        ("missing blob", oci_archive(&entry, &[&made.manifest]), None, "the archive has no blob"),
        ("wrong diff id", swapped.archive(&["a"]), None, "wrong diff id"),
        ("foreign", foreign.archive(&["a"]), None, "no match for platform"),
        ("no name", oci_archive(&json!([descriptor("m", &made.manifest)]), &made.blobs()), None, "--name"),
        ("bad name", made.archive(&["A"]), None, "couldn't parse image name \"A\": invalid reference format"),
        ("bad --name", made.archive(&["a"]), Some("x y"), "couldn't parse image name \"x y\""),
    ] {
        let refused = home.load(&archive, name).expect_err(label);
        assert!(refused.contains(expected), "{label}: {refused}");
        assert!(home.is_tidy() && home.layers() == 0, "{label}");
    }
}

#[tokio::test]
async fn removal_keeps_what_others_need() {
    let home = Home::new();
    let (one, two) = (Made::simple(b"one"), Made::simple(b"two"));
    home.load(&one.archive(&["one:1", "one:2"]), None).expect("an image");
    home.load(&two.archive(&["two"]), None).expect("an image");
    assert_eq!(home.layers(), 3, "the base is shared");
    let remove = |name: &str| home.store.remove(name).expect("a store");
    assert_eq!(remove("nothing"), None);
    assert_eq!(remove("one:1"), Some(Removed { name: "docker.io/library/one:1".into(), deleted: None }));
    assert_eq!(remove("one:2").and_then(|removed| removed.deleted), Some(one.id()));
    assert_eq!((home.layers(), home.find("two").map(|image| files(&image).len())), (2, Some(2)));
    assert!(home.is_tidy());
    home.store.remove_image("unknown").await.expect("no error");
    assert_eq!(remove(&two.id()).and_then(|removed| removed.deleted), Some(two.id()));
    assert!(home.layers() == 0 && home.is_tidy());
}
