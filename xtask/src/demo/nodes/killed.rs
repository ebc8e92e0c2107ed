//! Everything is killed while it is being made, and `down --purge` still finds all of it.

use crate::demo::image;
use crate::demo::world::World;
use crate::demo::{cloud, service};
use crate::process::{Failure, Result};
use crate::procfs;

const PODS: usize = 4;

/// Pods that want to go on for ever, on every node.
fn manifest() -> String {
    let pod = |number: usize| {
        format!(
            r#"
---
apiVersion: v1
kind: Pod
metadata: {{name: endless-{number}, labels: {{app: endless}}}}
spec:
  nodeName: $NODE
  containers:
  - name: main
    image: {}
    imagePullPolicy: IfNotPresent
    command: [sleep, infinity]
    volumeMounts: [{{name: fast, mountPath: /fast}}]
  volumes: [{{name: fast, emptyDir: {{medium: Memory}}}}]
"#,
            image::NAME
        )
    };
    (0..PODS).map(pod).collect()
}

pub fn in_the_middle(world: &mut World) -> Result<()> {
    if world.fact("NODE_ROLE").is_err() {
        return Ok(()); // stopped early, by --until
    }
    service::up(world)?;
    cloud::network(world)?;
    cloud::create_cluster(world)?;
    cloud::wait_active(world)?;
    cloud::kubeconfig(world)?;
    world.ok("pilothouse image load --state-dir $STATE $ARCHIVE")?;
    world.ok("aws eks create-nodegroup --cluster-name demo --nodegroup-name web --node-role $NODE_ROLE --subnets ${SUBNETS//,/ } --scaling-config minSize=1,maxSize=3,desiredSize=2")?;
    world.ok("kubectl wait --for=create node -l eks.amazonaws.com/nodegroup=web --timeout=60s")?;
    world.ok("kubectl wait --for=condition=Ready node --all --timeout=60s")?;
    world.ok("kubectl wait --for=create serviceaccount/default --timeout=30s")?;
    let node = world.ok("kubectl get nodes -o jsonpath='{.items[0].metadata.name}'")?.stdout.trim().to_owned();
    world.shell("kubectl apply -f -").input(&manifest().replace("$NODE", &node)).run()?.succeeded()?;
    // The first of them runs, the others are on their way; one shim goes too, the others are left alone with their containers.
    world.ok("kubectl wait pod/endless-0 --for=condition=Ready --timeout=60s")?;
    let mut all = procfs::role(&world.binary, "node");
    all.push(service::only_pid(world)?);
    all.extend(procfs::role(&world.binary, "shim").first());
    let pids: Vec<String> = all.iter().map(u32::to_string).collect();
    world.ok(&format!("kill -9 {}", pids.join(" ")))?;
    if procfs::role(&world.binary, "shim").is_empty() {
        return Err(Failure("containers should have outlived the service and their node".into()));
    }
    service::down(world)?;
    match procfs::role(&world.binary, "shim").as_slice() {
        [] => Ok(()),
        left => Err(Failure(format!("still running after down --purge: {left:?}"))),
    }
}
