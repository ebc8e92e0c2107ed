//! What goes wrong on a node, in upstream's reasons and events.

use super::streams::pod;
use crate::demo::image;
use crate::demo::world::World;
use crate::process::Result;

fn apply(world: &mut World, manifest: &str) -> Result<()> {
    world.shell("kubectl apply -f -").input(manifest).quiet().run()?.succeeded().map(drop)
}

/// Waits for the reason why a container waits or has ended.
fn until_state(world: &mut World, name: &str, state: &str, reason: &str) -> Result<()> {
    let path = format!("jsonpath='{{.status.containerStatuses[0].{state}.reason}}'={reason}");
    world.ok(&format!("kubectl wait -n site pod/{name} --for={path} --timeout=60s")).map(drop)
}

pub fn images(world: &mut World) -> Result<()> {
    let node = world.fact("NODE_A")?.to_owned();
    let other = |name: &str, image_name: &str, policy: &str| {
        pod(name, &node, "true").replace(image::NAME, image_name).replace("IfNotPresent", policy)
    };
    apply(world, &other("nowhere", "127.0.0.1:1/nothing:here", "Always"))?;
    until_state(world, "nowhere", "state.waiting", "ImagePullBackOff")?;
    world.ok("kubectl describe pod nowhere -n site")?.says(&[
        "Failed to pull image",
        "connection refused",
        "ErrImagePull",
        "Back-off pulling image",
    ])?;
    apply(world, &other("never", "not-here:1", "Never"))?;
    until_state(world, "never", "state.waiting", "ErrImageNeverPull")?;
    apply(world, &other("odd", "UPPER:1", "IfNotPresent"))?;
    until_state(world, "odd", "state.waiting", "InvalidImageName")?;
    world.ok("kubectl delete pod nowhere never odd -n site --now").map(drop)
}

pub fn commands(world: &mut World) -> Result<()> {
    let node = world.fact("NODE_A")?.to_owned();
    let bad = pod("typo", &node, "true").replace("[sh, -c, 'true']", "[no-such-program]");
    apply(world, &bad)?;
    world.ok("kubectl wait -n site pod/typo --for=jsonpath='{.status.containerStatuses[0].lastState.terminated.reason}'=StartError --timeout=60s")?;
    world.ok("kubectl describe pod typo -n site")?.says(&["executable file not found in $PATH", "Failed"])?;
    apply(world, &pod("restless", &node, "exit 1"))?;
    until_state(world, "restless", "state.waiting", "CrashLoopBackOff")?;
    world.ok("kubectl describe pod restless -n site")?.says(&["Back-off restarting failed container"])?;
    world.ok("kubectl delete pod typo restless -n site --now").map(drop)
}

pub fn memory(world: &mut World) -> Result<()> {
    let node = world.fact("NODE_B")?.to_owned();
    let greedy = pod("greedy", &node, "a=x; while true; do a=$a$a; done")
        .replace("stdin: true", "resources: {limits: {memory: 16Mi}}, stdin: false");
    apply(world, &greedy)?;
    world.ok("kubectl wait -n site pod/greedy --for=jsonpath='{.status.containerStatuses[0].lastState.terminated.reason}'=OOMKilled --timeout=90s")?;
    world.ok("kubectl delete pod greedy -n site --now").map(drop)
}

/// A volume in memory is full when its size is used up; on disk, whoever uses more than was promised has to go.
pub fn disk(world: &mut World) -> Result<()> {
    let node = world.fact("NODE_A")?.to_owned();
    let volume = |name: &str, line: &str, volume: &str| {
        let mounted =
            pod(name, &node, line).replace("stdin: true", "volumeMounts: [{name: cache, mountPath: /cache}], stdin: false");
        mounted.replace("spec:\n", &format!("spec:\n  restartPolicy: Never\n  volumes: [{{name: cache, emptyDir: {volume}}}]\n"))
    };
    let fill = "dd if=/dev/zero of=/cache/fill bs=1M count=16";
    apply(world, &volume("brimful", fill, "{medium: Memory, sizeLimit: 1Mi}"))?;
    world.ok("kubectl wait -n site pod/brimful --for=jsonpath='{.status.phase}'=Failed --timeout=60s")?;
    world.ok("kubectl logs brimful -n site")?.says(&["No space left on device"])?;
    let fill = format!("{fill}; sleep 600");
    apply(world, &volume("hoarder", &fill, "{sizeLimit: 4Mi}"))?;
    let limited = pod("writer", &node, &fill.replace("/cache/", "/tmp/"));
    apply(world, &limited.replace("stdin: true", "resources: {limits: {ephemeral-storage: 4Mi}}, stdin: false"))?;
    for (name, message) in [
        ("hoarder", "Usage of EmptyDir volume \"cache\" exceeds the limit \"4Mi\""),
        ("writer", "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi"),
    ] {
        world.ok(&format!("kubectl wait -n site pod/{name} --for=jsonpath='{{.status.phase}}'=Failed --timeout=90s"))?;
        world.ok(&format!("kubectl describe pod {name} -n site"))?.says(&["Failed", "Evicted", message])?;
    }
    world.ok("kubectl delete pod brimful hoarder writer -n site --now").map(drop)
}

pub fn probes(world: &mut World) -> Result<()> {
    let node = world.fact("NODE_B")?.to_owned();
    let sick = pod("sick", &node, "sleep 600").replace(
        "stdin: true",
        "livenessProbe: {exec: {command: [cat, /no/health]}, periodSeconds: 1, failureThreshold: 1}, stdin: false",
    );
    apply(world, &sick)?;
    world.ok("kubectl wait -n site pod/sick --for=jsonpath='{.status.containerStatuses[0].restartCount}'=1 --timeout=60s")?;
    world.ok("kubectl describe pod sick -n site")?.says(&["Unhealthy", "Liveness probe failed", "Killing"])?;
    world.ok("kubectl delete pod sick -n site --now").map(drop)
}

pub fn termination(world: &mut World) -> Result<()> {
    let node = world.fact("NODE_A")?.to_owned();
    apply(world, &pod("done", &node, "exit 0").replace("spec:\n", "spec:\n  restartPolicy: Never\n"))?;
    world.ok("kubectl wait -n site pod/done --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s")?;
    world.ok("kubectl get pod done -n site")?.row(&["done", "0/1", "Completed", "0"])?;
    apply(world, &pod("lost", &node, "exit 4").replace("spec:\n", "spec:\n  restartPolicy: Never\n"))?;
    world.ok("kubectl wait -n site pod/lost --for=jsonpath='{.status.phase}'=Failed --timeout=60s")?;
    world.ok("kubectl get pod lost -n site -o jsonpath='{.status.containerStatuses[0].state.terminated.exitCode}'")?.is("4")?;
    world.ok("kubectl delete pod done lost -n site --timeout=30s").map(drop)
}
