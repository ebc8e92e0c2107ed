//! `pilothouse up`: run the service here, or start it in the background and wait until it is ready.

use super::{Failure, io};
use crate::cli::{DEFAULT_ACCOUNT, DEFAULT_REGION, Up};
use cluster::{Config, Service, StateDir, control_socket};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The line that a background service's parent waits for.
const READY: &str = "  ready: ";
/// Instead of a hosts file.
const NO_FILE: &str = "none";

/// What was asked for, the rest as the state directory has it from its first start.
fn config(options: &Up) -> Result<Config, Failure> {
    // Only fails for an empty path.
    let state_dir = std::path::absolute(&options.state.state_dir).unwrap_or_else(|_| options.state.state_dir.clone());
    let known = StateDir::new(&state_dir).read_info().map_err(io("cannot read the state directory"))?;
    let simulated = options.simulated || known.as_ref().is_some_and(|info| info.simulated);
    let hosts_file = match &options.hosts_file {
        // There are no load balancers that could be reached.
        _ if simulated => None,
        Some(none) if none.as_os_str() == NO_FILE => None,
        Some(path) => Some(std::path::absolute(path).unwrap_or_else(|_| path.clone())), // as above
        None => known.as_ref().map_or_else(cluster::default_hosts_file, |info| info.hosts_file.clone()),
    };
    let (account, region) = known.map_or((DEFAULT_ACCOUNT.into(), DEFAULT_REGION.into()), |info| (info.account, info.region));
    let (account, region) = (options.account.clone().unwrap_or(account), options.region.clone().unwrap_or(region));
    let zones = ["a", "b", "c"].map(|zone| format!("{region}{zone}")).into();
    Ok(Config { state_dir, port: options.port, account, region, zones, hosts_file, simulated })
}

/// Serves until a signal or `pilothouse down`.
pub async fn run(options: &Up) -> Result<(), Failure> {
    let filter = EnvFilter::try_from_env("PILOTHOUSE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let started = Instant::now();
    let config = config(options)?;
    let service = Service::start(&config, &|step| println!("{:>6} ms  {step}", started.elapsed().as_millis())).await?;
    let socket = service.state.control_socket();
    let listener = control_socket::listen(&socket).map_err(io(format!("cannot listen on {}", socket.display())))?;
    // Before it says that it is ready: from then on a signal is to be a clean end.
    let mut terminate = signal(SignalKind::terminate()).map_err(io("cannot wait for signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(io("cannot wait for signals"))?;
    // Nothing is printed after this line: whoever waits for it may have gone.
    println!("{:>6} ms{READY}{}", started.elapsed().as_millis(), service.info.endpoint);
    tokio::select! {
        outcome = control_socket::answer_until_stop(&listener, &service) => outcome.map_err(io("control socket"))?,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    service.stop().await;
    // Only this process listens there, and it is about to end.
    drop(std::fs::remove_file(&socket));
    Ok(())
}

/// Starts this program again without a terminal, its log in the state directory, and passes its progress on until it is
/// ready or has failed. A start that fails leaves nothing behind that was not there before.
pub fn detach(options: &Up) -> Result<(), Failure> {
    let config = config(options)?;
    let state = StateDir::new(&config.state_dir);
    let new = state.create().map_err(io(format!("cannot create {}", config.state_dir.display())))?;
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(state.log()).map_err(io("cannot write the log"))?;
    let begins = log.metadata().map_err(io("cannot read the log"))?.len();
    let mut child = spawn(options, &config, log)?;
    let progress = child.stdout.take().ok_or_else(|| Failure::Other("the service has no output".into()))?;
    for line in BufReader::new(progress).lines() {
        let line = line.map_err(io("cannot read the service's progress"))?;
        println!("{line}");
        if line.contains(READY) {
            println!("           eval \"$(pilothouse env --state-dir {})\"", config.state_dir.display());
            return Ok(());
        }
    }
    let status = child.wait().map_err(io("cannot wait for the service"))?;
    let written = std::fs::read(state.log()).unwrap_or_default(); // without a log the exit status must do
    let written = String::from_utf8_lossy(&written[written.len().min(begins as usize)..]).into_owned();
    if new {
        // Only what this start made, and only if the service put nothing else there.
        drop(std::fs::remove_file(state.log()));
        drop(std::fs::remove_dir(state.path()));
    }
    let reason = written.lines().rev().find_map(|line| line.strip_prefix("pilothouse: "));
    Err(Failure::Other(reason.map_or_else(|| format!("the service ended at once: {status}"), str::to_owned)))
}

fn spawn(options: &Up, config: &Config, log: std::fs::File) -> Result<Child, Failure> {
    let program = std::env::current_exe().map_err(io("cannot find this program"))?;
    Command::new(program)
        .args(["up", "--port", &options.port.to_string(), "--account", &config.account, "--region", &config.region])
        .arg("--state-dir")
        .arg(&config.state_dir)
        .arg("--hosts-file")
        .arg(config.hosts_file.as_deref().unwrap_or(Path::new(NO_FILE)))
        .args(config.simulated.then_some("--simulated"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .current_dir("/")
        .process_group(0)
        .spawn()
        .map_err(io("cannot start the service"))
}
