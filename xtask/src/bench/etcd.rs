//! The peer for writes: Debian's etcd on the same disk, TLS, the same payload and connections. No API server in front of it,
//! so it does less per write than what it is compared with.

use super::report::Report;
use crate::demo::{service, world::World};
use crate::process::{Failure, Result};
use crate::procfs;
use std::process::Child;
use std::time::Duration;

pub fn writes(world: &mut World, length: Duration, report: &mut Report) -> Result<()> {
    let (client, peer) = (service::free_port()?, service::free_port()?);
    let mut etcd = world.start(&format!(
        "etcd --data-dir etcd --auto-tls --peer-auto-tls --logger zap --log-outputs /dev/null --listen-client-urls https://127.0.0.1:{client} \
         --advertise-client-urls https://127.0.0.1:{client} --listen-peer-urls https://127.0.0.1:{peer} \
         --initial-advertise-peer-urls https://127.0.0.1:{peer} --initial-cluster default=https://127.0.0.1:{peer}"
    ))?;
    let measured = put(world, &etcd, client, length, report);
    etcd.kill().map_err(|error| Failure::io("ending etcd", &error))?;
    etcd.wait().map_err(|error| Failure::io("ending etcd", &error))?;
    measured
}

fn put(world: &mut World, etcd: &Child, port: u16, length: Duration, report: &mut Report) -> Result<()> {
    for connections in [1, 64] {
        let before = procfs::cpu_seconds(etcd.id()).ok_or("etcd is gone")?;
        let line = format!("etcdbench -endpoint https://127.0.0.1:{port} -connections {connections} -for {}s", length.as_secs());
        let result = world.ok(&line)?.json()?;
        let spent = procfs::cpu_seconds(etcd.id()).ok_or("etcd is gone")? - before;
        let number = |name: &str| result[name].as_f64().unwrap_or(f64::NAN); // shown as NaN: our own program left it out
        let here = format!(
            "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {:.0} us CPU each",
            number("operations") / number("seconds"),
            number("p50_ms"),
            number("p99_ms"),
            spent * 1e6 / number("operations")
        );
        report.add(format!("peer: etcd puts of 1 KiB, {connections} connection(s), no API server"), "-", here);
    }
    Ok(())
}
