//! `pilothouse image`: what is loaded is listed, survives the service, and goes by its name.

use crate::archive::{Entry, archive};
use crate::binary::{Home, mode};
use crate::sandbox;
use meta::Doc;
use std::fs::{self, File};

#[tokio::test(flavor = "multi_thread")]
async fn images_from_load_to_rm() {
    if !sandbox::contained("images::images_from_load_to_rm") {
        return;
    }
    let home = Home::new();
    let path = home.directory.path().join("demo.tar");
    fs::write(&path, archive("demo:1", &[Entry::File("hello", b"world")])).expect("an archive");
    let path = path.display().to_string();
    for command in [&["image", "load", &path][..], &["image", "load", "-"], &["image", "list"], &["image", "rm", "demo:1"]] {
        let refused = home.refusal(command).await;
        assert!(refused.contains("no service runs") && refused.contains("pilothouse up"), "{refused}");
    }
    let mut first = home.up().await;
    assert_eq!(mode(&home.state_dir().images()), 0o700);
    let loaded = home.ok(&["image", "load", &path]).await;
    assert!(loaded.starts_with("loaded docker.io/library/demo:1  sha256:"), "{loaded}");
    let mut from_stdin = home.command(&["image", "load", "-", "--name", "localhost:5000/other:2"]);
    let output = from_stdin.stdin(File::open(&path).expect("a file")).output().await.expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left: Vec<_> = fs::read_dir(home.state_dir().images().join("work")).expect("a directory").collect();
    assert!(left.is_empty(), "{left:?}");
    let listed = home.ok(&["image", "list"]).await;
    for expected in ["IMAGE", "docker.io/library/demo ", "localhost:5000/other "] {
        assert!(listed.contains(expected), "{listed}");
    }
    first.kill().await;
    let _second = home.up().await;
    assert_eq!(home.ok(&["image", "list"]).await, listed);
    let images: Doc = serde_json::from_str(&home.ok(&["image", "ls", "-o", "json"]).await).expect("JSON");
    let layer = images[0]["layers"][0].as_str().expect("a layer").to_owned();
    assert_eq!(fs::read(format!("{layer}/hello")).expect("a file"), b"world");
    for (arguments, expected) in [
        (&["image", "load", "/nowhere.tar"][..], "cannot read /nowhere.tar: No such file or directory"),
        (&["image", "load", "/"], "cannot read /: not a file"),
        (&["image", "load", "/proc/self/exe"], "not an archive of images"),
        (&["image", "load", &path, "--name", "X"], "couldn't parse image name \"X\": invalid reference format"),
        (&["image", "rm", "nothing"], "no such image: nothing"),
        (&["image", "rm", "x y"], "couldn't parse image name"),
    ] {
        let output = home.run(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(expected), "{arguments:?}: {said}");
    }
    assert_eq!(home.ok(&["image", "rm", "demo:1"]).await, "untagged docker.io/library/demo:1\n");
    assert!(home.ok(&["image", "rm", "localhost:5000/other:2"]).await.contains("deleted sha256:"));
    assert!(!fs::exists(&layer).expect("a look") && home.ok(&["image", "list", "-o", "json"]).await == "[]\n");
}
