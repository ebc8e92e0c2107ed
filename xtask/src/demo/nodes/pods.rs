//! Pods bound by nodeName: a real image, addresses of the VPC, and packets between nodes.

use super::{field, run_pod};
use crate::demo::image;
use crate::demo::world::World;
use crate::process::{Failure, Result};
use std::net::Ipv4Addr;

pub fn image(world: &mut World) -> Result<()> {
    let archive = image::pack(&world.directory)?;
    world.learn("ARCHIVE", &archive.display().to_string());
    world.fails("pilothouse image load --state-dir $STATE /nowhere.tar")?.in_one_line()?;
    world.ok("pilothouse image load --state-dir $STATE $ARCHIVE")?;
    world.ok("pilothouse image list --state-dir $STATE")?.says(&["busybox"])?;
    world.ok("pilothouse image list --state-dir $STATE -o json")?.json()?;
    Ok(())
}

/// A web server that says which pod it is.
fn web(name: &str, node: &str) -> String {
    format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: site, labels: {{app: web}}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 2
  initContainers:
  - name: page
    image: {image}
    imagePullPolicy: IfNotPresent
    command: [sh, -c, 'echo "hello from $POD" > /www/index.html; date > /www/made']
    env:
    - {{name: POD, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
    volumeMounts: [{{name: www, mountPath: /www}}]
  containers:
  - name: web
    image: {image}
    imagePullPolicy: IfNotPresent
    command: [sh, -c, 'trap "exit 0" TERM; echo "serving $POD"; httpd -f -p 8080 -h /www & wait']
    env:
    - {{name: POD, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
    ports: [{{containerPort: 8080}}]
    readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
    resources: {{requests: {{cpu: 50m, memory: 16Mi}}, limits: {{memory: 64Mi}}}}
    volumeMounts: [{{name: www, mountPath: /www}}]
  volumes: [{{name: www, emptyDir: {{}}}}]
"#,
        image = image::NAME
    )
}

pub fn run(world: &mut World) -> Result<()> {
    world.ok("kubectl create namespace site")?;
    // Pods may only be made once the namespace has its account.
    world.ok("kubectl wait -n site --for=create serviceaccount/default --timeout=30s")?;
    for (pod, node) in [("web-a", "NODE_A"), ("web-b", "NODE_B")] {
        let node = world.fact(node)?.to_owned();
        run_pod(world, pod, &web(pod, &node))?;
    }
    world
        .ok("kubectl get pods -n site -o wide")?
        .row(&["web-a", "1/1", "Running", "0"])?
        .row(&["web-b", "1/1", "Running", "0"])?;
    for (pod, fact) in [("web-a", "IP_A"), ("web-b", "IP_B")] {
        let ip = field(world, pod, ".status.podIP")?;
        let address: Ipv4Addr = ip.parse().map_err(|_| Failure(format!("{pod} has no address: {ip:?}")))?;
        if address.octets()[..2] != [172, 31] {
            return Err(Failure(format!("{pod} has {ip}, which is not of the VPC")));
        }
        world.learn(fact, &ip);
    }
    world.ok("kubectl describe pod web-a -n site")?.says(&["Pulled", "Created", "Started", "already present on machine"])?;
    world
        .ok("kubectl get pod web-a -n site -o jsonpath='{.status.qosClass} {.status.containerStatuses[0].restartCount}'")?
        .is("Burstable 0")?;
    Ok(())
}

pub fn volumes(world: &mut World) -> Result<()> {
    world.ok("kubectl create configmap colours -n site --from-literal=sky=blue --from-literal=grass=green")?;
    world.ok("kubectl create secret generic keys -n site --from-literal=door=1234")?;
    let node = world.fact("NODE_B")?.to_owned();
    let manifest = format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{name: full, namespace: site, labels: {{app: full}}, annotations: {{note: first}}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 1
  securityContext: {{runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000}}
  containers:
  - name: main
    image: {image}
    imagePullPolicy: IfNotPresent
    command: [sleep, infinity]
    env:
    - {{name: SKY, valueFrom: {{configMapKeyRef: {{name: colours, key: sky}}}}}}
    - {{name: NODE, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}
    - {{name: LIMIT, valueFrom: {{resourceFieldRef: {{resource: limits.memory}}}}}}
    envFrom: [{{prefix: K_, secretRef: {{name: keys}}}}]
    resources: {{limits: {{memory: 32Mi, cpu: 100m}}}}
    volumeMounts:
    - {{name: colours, mountPath: /etc/colours}}
    - {{name: keys, mountPath: /etc/keys}}
    - {{name: about, mountPath: /etc/about}}
    - {{name: fast, mountPath: /fast}}
    - {{name: host, mountPath: /host}}
  volumes:
  - {{name: colours, configMap: {{name: colours}}}}
  - {{name: keys, secret: {{secretName: keys, defaultMode: 0440}}}}
  - {{name: about, downwardAPI: {{items: [{{path: note, fieldRef: {{fieldPath: "metadata.annotations['note']"}}}}]}}}}
  - {{name: fast, emptyDir: {{medium: Memory, sizeLimit: 4Mi}}}}
  - {{name: host, hostPath: {{path: /var/demo, type: DirectoryOrCreate}}}}
"#,
        image = image::NAME
    );
    run_pod(world, "full", &manifest)?;
    let exec = "kubectl exec -n site full --";
    world.ok(&format!("{exec} sh -c 'echo $SKY $K_door $LIMIT $NODE'"))?.is(&format!("blue 1234 33554432 {node}"))?;
    world.ok(&format!("{exec} cat /etc/colours/grass"))?.is("green")?;
    world.ok(&format!("{exec} cat /etc/keys/door"))?.is("1234")?;
    world.ok(&format!("{exec} cat /etc/about/note"))?.is("first")?;
    world.ok(&format!("{exec} sh -c 'id -u; id -g; id -G'"))?.says(&["1000", "2000"])?;
    world.ok(&format!("{exec} sh -c 'mount | grep \" /fast \"'"))?.says(&["tmpfs", "size=4096k"])?;
    world.ok(&format!("{exec} cat /var/run/secrets/kubernetes.io/serviceaccount/namespace"))?.is("site")?;
    world.ok(&format!("{exec} sh -c 'grep Seccomp: /proc/1/status'"))?.says(&["2"])?;
    world.ok(&format!("{exec} cat /etc/resolv.conf"))?.says(&["nameserver 10.100.0.10", "site.svc.cluster.local", "ndots:5"])?;
    world.ok("kubectl patch configmap colours -n site --type merge -p '{\"data\":{\"grass\":\"yellow\"}}'")?;
    world.ok("kubectl annotate pod full -n site note=second --overwrite")?;
    let changed = "for i in $(seq 100); do [ \"$(cat /etc/colours/grass) $(cat /etc/about/note)\" = \"yellow second\" ] && exit 0; usleep 100000; done; exit 1";
    world.ok(&format!("{exec} sh -c '{changed}'"))?;
    Ok(())
}

pub fn network(world: &mut World) -> Result<()> {
    world.ok("kubectl exec -n site web-a -- wget -qO- http://$IP_B:8080/")?.is("hello from web-b")?;
    world.ok("kubectl exec -n site web-b -- wget -qO- http://$IP_A:8080/")?.is("hello from web-a")?;
    world.ok("kubectl exec -n site web-a -- ping -c 1 -w 5 $IP_B")?.says(&["1 packets received"])?;
    // The resolver of the VPC, at its base address + 2, knows the nodes by name.
    world.ok("kubectl exec -n site web-a -- nslookup $NODE_B 172.31.0.2")?.says(&["172.31."])?;
    // The machine itself has no way in: only what the service offers on loopback.
    world.fails("curl --silent --max-time 3 http://$IP_A:8080/")?;
    Ok(())
}

/// More pods than the node's first interface has addresses for: it asks EC2 for a second one, as the VPC CNI does.
pub fn many(world: &mut World) -> Result<()> {
    let node = world.fact("NODE_A")?.to_owned();
    world.ok("kubectl get node $NODE_A -o jsonpath='{.spec.providerID}'").map(|id| {
        let id = id.stdout.trim().rsplit('/').next().unwrap_or_default().to_owned(); // checked by what EC2 answers
        world.learn("INSTANCE_A", &id);
    })?;
    let interfaces = "aws ec2 describe-network-interfaces --filters Name=attachment.instance-id,Values=$INSTANCE_A --query 'length(NetworkInterfaces)'";
    world.ok(interfaces)?.is("1")?;
    let names: Vec<String> = (1..=MANY).map(|number| format!("many-{number}")).collect();
    let all: Vec<String> = names.iter().map(|name| format!("{}---\n", super::streams::pod(name, &node, "sleep 600"))).collect();
    world.shell("kubectl apply -f -").input(&all.concat()).quiet().run()?.succeeded()?;
    let pods: Vec<String> = names.iter().map(|name| format!("pod/{name}")).collect();
    world.ok(&format!("kubectl wait -n site {} --for=condition=Ready --timeout=60s", pods.join(" ")))?;
    world.ok(interfaces)?.is("2")?;
    for name in &names {
        let ip = field(world, name, ".status.podIP")?;
        world.ok(&format!("kubectl exec -n site web-b -- ping -c 1 -w 5 {ip}"))?.says(&["1 packets received"])?;
    }
    world.ok(&format!("kubectl delete -n site {} --now", pods.join(" "))).map(drop)
}

/// A t3.medium has three interfaces of six addresses, one of each its own.
const MANY: usize = 7;
