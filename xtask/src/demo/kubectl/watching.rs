//! `kubectl get --watch`: every change arrives, in order, and a selector sees objects come and go.

use crate::demo::world::World;
use crate::process::{Failure, Result};
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How long a change may take to reach a watching kubectl on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn watch(world: &mut World) -> Result<()> {
    world.ok("kubectl create configmap probe -n shop")?;
    world.ok("kubectl label configmap probe -n shop watched=yes")?;
    let mut child = world.start("kubectl get configmaps -n shop -l watched=yes --watch --output-watch-events --no-headers")?;
    let outcome = changes_are_seen(world, &mut child);
    child.kill().map_err(|error| Failure::io("ending the watch", &error))?;
    child.wait().map_err(|error| Failure::io("ending the watch", &error))?;
    outcome
}

fn changes_are_seen(world: &mut World, child: &mut Child) -> Result<()> {
    let lines = lines_of(child)?;
    expect(&lines, &["ADDED", "probe", "0"])?;
    world.ok("kubectl patch configmap probe -n shop --type=merge -p '{\"data\":{\"a\":\"b\"}}'")?;
    expect(&lines, &["MODIFIED", "probe", "1"])?;
    world.ok("kubectl label configmap probe -n shop watched-")?; // leaves the selector: gone for this watcher
    expect(&lines, &["DELETED", "probe"])?;
    world.ok("kubectl label configmap probe -n shop watched=yes")?;
    expect(&lines, &["ADDED", "probe", "1"])?;
    world.ok("kubectl delete configmap probe -n shop")?;
    expect(&lines, &["DELETED", "probe", "1"])
}

/// The watch's output as it comes. The reading thread ends with the watch.
fn lines_of(child: &mut Child) -> Result<Receiver<String>> {
    let output = child.stdout.take().ok_or("the watch has no output")?;
    let (sender, receiver) = sync_channel(64);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(|line| line.ok()) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

fn expect(lines: &Receiver<String>, cells: &[&str]) -> Result<()> {
    let started = Instant::now();
    let line = lines.recv_timeout(PATIENCE).map_err(|_| Failure(format!("the watch never showed {}", cells.join(" "))))?;
    println!("     {line}   [seen after {:.2} s]", started.elapsed().as_secs_f64());
    let mut words = line.split_whitespace();
    if cells.iter().all(|cell| words.next() == Some(cell)) {
        return Ok(());
    }
    Err(Failure(format!("the watch showed `{line}` where {} was next", cells.join(" "))))
}
