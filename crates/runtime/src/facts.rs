//! Names of signals, and what a container has written.

use nix::sys::signal::Signal;
use std::path::Path;

/// `SIGTERM`, `TERM` or `15`; what no kernel knows is SIGTERM.
pub fn signal_named(name: &str) -> Signal {
    let by_number = name.parse::<i32>().ok().and_then(|number| Signal::try_from(number).ok());
    let full = if name.starts_with("SIG") { name.to_owned() } else { format!("SIG{name}") };
    by_number.or_else(|| full.parse().ok()).unwrap_or(Signal::SIGTERM)
}

/// Bytes and files of the container's own layer.
pub fn written(upper: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let (mut bytes, mut inodes) = (0, 0);
    let mut queue = vec![upper.to_owned()];
    while let Some(directory) = queue.pop() {
        // What goes away meanwhile counts nothing.
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(facts) = entry.metadata() else { continue };
            bytes += facts.blocks() * 512;
            inodes += 1;
            if facts.is_dir() {
                queue.push(entry.path());
            }
        }
    }
    (bytes, inodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_several_names() {
        for (name, signal) in
            [("SIGQUIT", Signal::SIGQUIT), ("HUP", Signal::SIGHUP), ("9", Signal::SIGKILL), ("RTMIN+3", Signal::SIGTERM)]
        {
            assert_eq!(signal_named(name), signal, "{name}");
        }
    }
}
