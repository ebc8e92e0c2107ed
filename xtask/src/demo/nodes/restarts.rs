//! Containers outlive whatever is killed around them; what follows adopts them.

use super::field;
use crate::demo::service as process;
use crate::demo::world::World;
use crate::process::{Failure, Result};
use crate::procfs;

/// Of a pod: what must not change when something around it restarts.
#[derive(PartialEq, Debug)]
struct Identity {
    container: String,
    restarts: String,
    started: String,
    ip: String,
}

fn identity(world: &mut World, pod: &str) -> Result<Identity> {
    Ok(Identity {
        container: field(world, pod, ".status.containerStatuses[0].containerID")?,
        restarts: field(world, pod, ".status.containerStatuses[0].restartCount")?,
        started: field(world, pod, ".status.containerStatuses[0].state.running.startedAt")?,
        ip: field(world, pod, ".status.podIP")?,
    })
}

fn unchanged(world: &mut World, before: &[(&str, Identity)]) -> Result<()> {
    for (pod, identity_before) in before {
        let now = identity(world, pod)?;
        if now != *identity_before {
            return Err(Failure(format!("{pod} was {identity_before:?}, is {now:?}")));
        }
        // It serves, and it can be spoken to: not only its record survived.
        world.ok(&format!("kubectl exec -n site {pod} -- wget -qO- http://127.0.0.1:8080/"))?.is(&format!("hello from {pod}"))?;
        world.ok(&format!("kubectl logs -n site {pod}"))?.is(&format!("serving {pod}"))?;
    }
    Ok(())
}

fn both(world: &mut World) -> Result<Vec<(&'static str, Identity)>> {
    ["web-a", "web-b"].into_iter().map(|pod| Ok((pod, identity(world, pod)?))).collect()
}

fn up(world: &mut World) -> Result<()> {
    world.ok("pilothouse up --state-dir $STATE --port $PORT --detach")?;
    world.ok("kubectl wait --for=condition=Ready node --all --timeout=60s").map(drop)
}

fn kill(world: &mut World, pids: &[u32]) -> Result<()> {
    if pids.is_empty() {
        return Err("there is no such process to kill".into());
    }
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    world.ok(&format!("kill -9 {}", pids.join(" "))).map(drop)
}

pub fn service(world: &mut World) -> Result<()> {
    let before = both(world)?;
    let pid = process::only_pid(world)?;
    kill(world, &[pid])?;
    up(world)?;
    unchanged(world, &before)?;
    world.ok("pilothouse down --state-dir $STATE")?;
    up(world)?;
    unchanged(world, &before)
}

pub fn node(world: &mut World) -> Result<()> {
    let before = both(world)?;
    let nodes = procfs::role(&world.binary, "node");
    kill(world, &nodes)?;
    // The agent notices and starts it again: only a node process that runs answers this.
    world.ok("for i in $(seq 60); do kubectl exec -n site web-a -- true && kubectl exec -n site web-b -- true && exit 0; sleep 0.5; done; exit 1")?;
    unchanged(world, &before)
}

pub fn shim(world: &mut World) -> Result<()> {
    let before = identity(world, "web-b")?;
    let shims = procfs::role(&world.binary, "shim");
    kill(world, &shims)?;
    world.ok(
        "kubectl wait -n site pod/web-a pod/web-b --for=jsonpath='{.status.containerStatuses[0].restartCount}'=1 --timeout=60s",
    )?;
    world.ok("kubectl wait -n site pod/web-a pod/web-b --for=condition=Ready --timeout=60s")?;
    if identity(world, "web-b")?.container == before.container {
        return Err("web-b is said to run in the container whose shim was killed".into());
    }
    for (pod, fact) in [("web-a", "IP_A"), ("web-b", "IP_B")] {
        let ip = field(world, pod, ".status.podIP")?;
        world.learn(fact, &ip);
    }
    world.ok("kubectl exec -n site web-a -- wget -qO- http://$IP_B:8080/")?.is("hello from web-b").map(drop)
}

/// The service and the nodes: only shims and containers are left, and one container ends while nobody looks.
pub fn everything(world: &mut World) -> Result<()> {
    let node = world.fact("NODE_A")?.to_owned();
    let brief = super::streams::pod("brief", &node, "sleep 4; exit 5").replace("spec:\n", "spec:\n  restartPolicy: Never\n");
    super::run_pod(world, "brief", &brief)?;
    let before = both(world)?;
    let mut all = procfs::role(&world.binary, "node");
    all.push(process::only_pid(world)?);
    kill(world, &all)?;
    world.ok("sleep 5")?;
    up(world)?;
    world.ok("kubectl wait -n site pod/brief --for=jsonpath='{.status.phase}'=Failed --timeout=60s")?;
    world.ok("kubectl get pod brief -n site -o jsonpath='{.status.containerStatuses[0].state.terminated.exitCode}'")?.is("5")?;
    for (pod, identity_before) in before {
        let now = identity(world, pod)?;
        if now != identity_before {
            return Err(Failure(format!("{pod} was {identity_before:?}, is {now:?}")));
        }
    }
    world.ok("kubectl delete pod brief -n site --now").map(drop)
}
