//! `kill -9` in the middle: what is there afterwards is whole, and the rest is gone.

use crate::content::{Made, files, load, now, open, tidy};
use images::{ImageService, Options, Stop, Store};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const DIRECTORY: &str = "IMAGES_TEST_CRASH_DIRECTORY";
const CRASHES: usize = 20;
const FILE_BYTES: usize = 200_000;

/// Not a test of its own: loads and removes images until it is killed, when the test below asks for it.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let store = open(&directory);
    loop {
        for number in 0..3 {
            let archive = File::open(directory.join(format!("{number}.tar"))).expect("an archive");
            let mut out = std::io::stdout().lock();
            let mut progress = |step: &str| writeln!(out, "step {step}").expect("a reader");
            store.load(archive, None, &Stop::default(), &mut progress).expect("an image");
        }
        store.remove("image0").expect("a store");
        store.remove("image1").expect("a store");
    }
}

#[test]
fn killed_while_loading() {
    let directory = tempfile::tempdir().expect("a directory");
    let made: Vec<Made> =
        (0..3u8).map(|n| Made::new(&[("base", &[9; FILE_BYTES]), ("top", &[n; FILE_BYTES])], "amd64")).collect();
    for (number, image) in made.iter().enumerate() {
        let archive = image.archive(&[&format!("image{number}")]);
        fs::write(directory.path().join(format!("{number}.tar")), archive).expect("written");
    }
    for crash in 0..CRASHES {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["--exact", "crashes::child", "--nocapture"]).env(DIRECTORY, directory.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a child");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        // A step further each time, and wherever the child then happens to be.
        let steps = lines.map_while(Result::ok).filter(|line| line.contains("step "));
        assert_eq!(steps.take(crash + 1).count(), crash + 1, "the child ended by itself");
        child.kill().expect("killed");
        child.wait().expect("its end");
        let store = open(directory.path());
        assert!(tidy(&directory.path().join("images"), &store), "crash {crash}");
        for image in now(store.list_images()).expect("a store") {
            let number = made.iter().position(|made| made.id() == image.id).expect("one of them") as u8;
            let expected = [("base".into(), vec![9; FILE_BYTES]), ("top".into(), vec![number; FILE_BYTES])];
            assert!(files(&image) == expected, "crash {crash}: image {number} is not whole");
        }
    }
    let store = open(directory.path());
    assert!(load(&store, directory.path(), &made[0].archive(&["again"]), None).is_ok());
}

/// Two services on one directory would throw away each other's work.
#[test]
fn a_store_has_one_owner() {
    let directory = tempfile::tempdir().expect("a directory");
    let _first = open(directory.path());
    let second = Store::open(&directory.path().join("images"), Options::default());
    assert!(second.is_err_and(|why| why.to_string().contains("in use by another process")));
}

#[test]
fn an_image_whose_layers_are_gone_is_forgotten() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let image = load(&store, directory.path(), &Made::simple(b"x").archive(&["a"]), None).expect("an image").remove(0);
    drop(store);
    fs::remove_dir_all(&image.layers[0]).expect("removed");
    let store = open(directory.path());
    assert_eq!(now(store.list_images()), Ok(vec![]));
    assert!(tidy(&directory.path().join("images"), &store));
}
