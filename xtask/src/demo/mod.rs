//! The main job, told with the stock clients: every step is a command that a person could type, with its time and its proof.

mod bad_input;
pub mod cloud;
mod crash;
mod deploy;
pub mod image;
mod kubectl;
mod nodes;
mod outcome;
mod residue;
pub mod sandbox;
pub mod service;
mod steps;
pub mod world;

use crate::process::{self, Failure, Result, root, seconds};
use clap::Args;
use residue::Snapshot;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use steps::{STEPS, Step};
use world::World;

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Stop after this step
    #[arg(long, value_name = "STEP", value_parser = steps::names())]
    until: Option<String>,
    /// Leave these steps out, for work on a later one
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = steps::names())]
    skip: Vec<String>,
    /// Also delete everything through the same clients, and prove that nothing is left
    #[arg(long)]
    once: bool,
    /// Leave the files of a failed run in place
    #[arg(long)]
    keep: bool,
    /// Port of the AWS endpoint [default: 4566, or any free one with --once]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Set in the sandbox that --once makes for itself
    #[arg(long, hide = true)]
    inside: bool,
}

/// Where the service of a demo that stays up listens: the port that people know from other AWS stand-ins.
const USUAL_PORT: u16 = 4566;

impl Options {
    /// What `./x test` runs.
    pub fn for_tests() -> Self {
        Self { until: None, skip: Vec::new(), once: true, keep: false, port: None, inside: false }
    }

    fn told<'a>(&'a self, steps: &'a [Step]) -> impl Iterator<Item = &'a Step> {
        steps.iter().filter(|step| !self.skip.iter().any(|name| name == step.name))
    }
}

pub fn run(options: &Options) -> Result<()> {
    if !options.inside {
        build()?;
        if options.until.as_deref() == Some(steps::BUILD) {
            return Ok(());
        }
        if options.once && sandbox::run(&arguments(options))? {
            return Ok(());
        }
    }
    tell(options)
}

/// The binary under test, built with the profile that the tests share.
fn build() -> Result<()> {
    process::timed(steps::BUILD, || process::cargo(&["build", "--locked", "--profile", "ci", "-p", "pilothouse"]))
}

fn arguments(options: &Options) -> Vec<String> {
    let mut arguments = vec!["demo".to_owned(), "--once".to_owned(), "--inside".to_owned()];
    arguments.extend(options.until.iter().flat_map(|until| ["--until".to_owned(), until.clone()]));
    arguments.extend(options.skip.iter().flat_map(|step| ["--skip".to_owned(), step.clone()]));
    arguments.extend(options.port.iter().flat_map(|port| ["--port".to_owned(), port.to_string()]));
    arguments.extend(options.keep.then(|| "--keep".to_owned()));
    arguments
}

fn tell(options: &Options) -> Result<()> {
    let directory = directory(options);
    let port = options.port.unwrap_or(if options.once { service::free_port()? } else { USUAL_PORT });
    let mut world = World::new(directory, service::binary("ci")?, port)?;
    if !options.once {
        service::clear_earlier_run(&mut world)?;
    }
    let before = Snapshot::take(&world, options.inside);
    let started = Instant::now();
    let told =
        tell_steps(&mut world, options).and_then(|()| if options.once { end(&mut world, options, &before) } else { Ok(()) });
    match told {
        Ok(()) if options.once => {
            world.remove_files()?;
            println!("\nAll of it worked and nothing is left ({}, {} commands).", seconds(started.elapsed()), world.commands);
        }
        Ok(()) => service::say_how_to_go_on(&world),
        Err(failure) => return Err(after_failure(&mut world, options, failure)),
    }
    Ok(())
}

fn directory(options: &Options) -> PathBuf {
    if options.once {
        std::env::temp_dir().join(format!("pilothouse-demo-{}", std::process::id()))
    } else {
        root().join(".x/demo")
    }
}

fn tell_steps(world: &mut World, options: &Options) -> Result<()> {
    for step in options.told(STEPS) {
        perform(world, step)?;
        if options.until.as_deref() == Some(step.name) {
            break;
        }
    }
    Ok(())
}

/// What `--once` adds: the way back, through the same clients, and the proof.
fn end(world: &mut World, options: &Options, before: &Snapshot) -> Result<()> {
    for step in options.told(steps::WAY_BACK) {
        perform(world, step)?;
    }
    let left = before.what_is_left(&Snapshot::take(world, before.sandboxed));
    if left.is_empty() {
        println!("\n== nothing is left: no process, listener, file, link, namespace, mount, cgroup or loop device");
        return Ok(());
    }
    Err(format!("left behind:\n  {}", left.join("\n  ")).into())
}

/// The steps that tell the story, not those that prove what it stands on, each with its time.
#[cfg_attr(not(feature = "bench"), expect(dead_code, reason = "only the benchmark measures"))]
pub fn story(world: &mut World) -> Result<Vec<(&'static str, Duration)>> {
    timed(world, STEPS)
}

/// What was made is deleted through the same clients.
#[cfg_attr(not(feature = "bench"), expect(dead_code, reason = "only the benchmark measures"))]
pub fn way_back(world: &mut World) -> Result<Vec<(&'static str, Duration)>> {
    timed(world, steps::WAY_BACK)
}

fn timed(world: &mut World, told: &'static [Step]) -> Result<Vec<(&'static str, Duration)>> {
    let mut times = Vec::new();
    for step in told.iter().filter(|step| !steps::PROOFS.contains(&step.name)) {
        let started = Instant::now();
        perform(world, step)?;
        times.push((step.name, started.elapsed()));
    }
    Ok(times)
}

fn perform(world: &mut World, step: &Step) -> Result<()> {
    println!("\n== {}: {}", step.name, step.title);
    let started = Instant::now();
    for (name, scene) in step.scenes {
        if !name.is_empty() {
            println!("   -- {name}");
        }
        scene(world).map_err(|failure| Failure(format!("demo failed in step {} {name}\n{failure}", step.name)))?;
    }
    println!("== {}: ok ({})", step.name, seconds(started.elapsed()));
    Ok(())
}

fn after_failure(world: &mut World, options: &Options, failure: Failure) -> Failure {
    let log = service::tail_of_log(world);
    let mut text = failure.0;
    if !log.is_empty() {
        text.push_str(&format!("\n--- the end of the service's log\n{log}"));
    }
    if options.keep || !options.once {
        text.push_str(&format!("\nState, kubeconfig and log are in {}", world.directory.display()));
    } else if let Err(second) = service::purge(world).and_then(|()| world.remove_files()) {
        text.push_str(&format!("\nCleaning up failed too: {second}"));
    }
    Failure(text)
}
