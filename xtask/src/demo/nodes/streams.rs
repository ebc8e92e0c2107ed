//! Everything that streams between kubectl and a container.

use super::run_pod;
use crate::demo::image;
use crate::demo::world::World;
use crate::process::{Failure, Result};
use std::io::{BufRead, BufReader};

pub fn logs(world: &mut World) -> Result<()> {
    world.ok("kubectl logs -n site web-a")?.is("serving web-a")?;
    world.ok("kubectl logs -n site web-a -c page")?.is("")?;
    let node = world.fact("NODE_A")?.to_owned();
    let counter =
        pod("counter", &node, "i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo line $i; done; sleep 1; echo late; sleep 600");
    run_pod(world, "counter", &counter)?;
    world.ok("kubectl logs -n site counter --tail=2 | head -n 2")?.says(&["line 50"])?;
    world.ok("kubectl logs -n site counter --since=1h | grep -c '^line'")?.is("50")?;
    world.ok("kubectl logs -n site counter --timestamps --tail=1")?.says(&["T", "Z "])?;
    let mut follow = world.start("kubectl logs -n site counter -f --tail=1")?;
    let lines = BufReader::new(follow.stdout.take().expect("standard output is piped")).lines();
    let late = lines.map_while(std::result::Result::ok).any(|line| line == "late");
    follow.kill().map_err(|error| Failure::io("kubectl logs -f", &error))?;
    follow.wait().map_err(|error| Failure::io("kubectl logs -f", &error))?;
    if !late {
        return Err("kubectl logs -f ended before the last line".into());
    }
    let crash = pod("once-more", &node, "echo attempt; exit 3");
    world.shell("kubectl apply -f -").input(&crash).run()?.succeeded()?;
    world.ok("kubectl wait -n site pod/once-more --for=jsonpath='{.status.containerStatuses[0].lastState.terminated.exitCode}'=3 --timeout=60s")?;
    world.ok("kubectl logs -n site once-more --previous")?.is("attempt")?;
    world.ok("kubectl delete pod once-more counter -n site --now")?;
    world.fails("kubectl logs -n site web-a -c nobody")?.says(&["container nobody is not valid for pod web-a"])?;
    Ok(())
}

/// A pod whose one container runs a shell line.
pub fn pod(name: &str, node: &str, line: &str) -> String {
    format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: site}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 1
  containers:
  - {{name: main, image: "{image}", imagePullPolicy: IfNotPresent, stdin: true, tty: false, command: [sh, -c, '{line}']}}
"#,
        image = image::NAME
    )
}

pub fn exec(world: &mut World) -> Result<()> {
    world.ok("kubectl exec -n site web-a -- cat /www/index.html")?.is("hello from web-a")?;
    world.shell("kubectl exec -i -n site web-a -- cat").input("typed in").run()?.succeeded()?.is("typed in")?;
    world.fails("kubectl exec -n site web-a -- sh -c 'echo oops >&2; exit 7'")?.says(&["oops", "exit code 7"])?;
    world.fails("kubectl exec -n site web-a -- /no/such/program")?.says(&["no such file or directory"])?;
    // A terminal, as a person has it.
    world.ok("script -qec 'kubectl exec -it -n site web-a -- sh -c \"test -t 0 && test -t 1 && echo a terminal; stty size\"' /dev/null </dev/null")?
        .says(&["a terminal"])?;
    world.ok("KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false kubectl exec -n site web-a -- echo over SPDY")?.is("over SPDY")?;
    world.ok("kubectl exec -n site web-a -- sh -c 'head -c 20000000 /dev/zero' | wc -c | tr -d ' '")?.is("20000000")?;
    Ok(())
}

pub fn attach(world: &mut World) -> Result<()> {
    let node = world.fact("NODE_B")?.to_owned();
    run_pod(world, "echo", &pod("echo", &node, "while read -r line; do echo heard $line; done; sleep 600"))?;
    world
        .shell("timeout 20 kubectl attach -i -n site echo | head -n 1")
        .input("hello\n")
        .run()?
        .succeeded()?
        .is("heard hello")?;
    world.ok("kubectl delete pod echo -n site --now")?;
    Ok(())
}

pub fn copy(world: &mut World) -> Result<()> {
    world.ok("head -c 3000000 /dev/urandom > big && kubectl cp big site/web-a:/tmp/big && kubectl cp site/web-a:/tmp/big back && cmp big back")?;
    world.ok("rm -f big back")?;
    Ok(())
}

pub fn forward(world: &mut World) -> Result<()> {
    for variable in ["KUBECTL_PORT_FORWARD_WEBSOCKETS=true", "KUBECTL_PORT_FORWARD_WEBSOCKETS=false"] {
        let mut forward = world.start(&format!("env {variable} kubectl port-forward -n site pod/web-b :8080"))?;
        let mut line = String::new();
        let mut out = BufReader::new(forward.stdout.take().expect("standard output is piped"));
        out.read_line(&mut line).map_err(|error| Failure::io("kubectl port-forward", &error))?;
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default().to_owned();
        let fetched = world.ok(&format!("curl --silent --show-error --max-time 10 http://127.0.0.1:{port}/"));
        forward.kill().map_err(|error| Failure::io("kubectl port-forward", &error))?;
        forward.wait().map_err(|error| Failure::io("kubectl port-forward", &error))?;
        fetched?.is("hello from web-b")?;
    }
    Ok(())
}
