//! Pods and nodes as the API server alone knows them: admission, binding, grace.

use crate::demo::world::World;
use crate::process::Result;

const NODE: &str = "{apiVersion: v1, kind: Node, metadata: {name: worker-1, labels: {kubernetes.io/os: linux}}}";
const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: single, labels: {app: single}}, spec: {containers: [{name: main, image: nginx:1.29, \
                   ports: [{containerPort: 80}]}]}}";
const BINDING: &str = "{\"apiVersion\": \"v1\", \"kind\": \"Binding\", \"metadata\": {\"name\": \"single\"}, \"target\": {\"apiVersion\": \"v1\", \
                       \"kind\": \"Node\", \"name\": \"worker-1\"}}";

pub fn pods_and_nodes(world: &mut World) -> Result<()> {
    world.shell("kubectl create -f -").input(NODE).run()?.succeeded()?.is("node/worker-1 created")?;
    world.ok("kubectl get node worker-1")?.says(&["STATUS", "ROLES", "VERSION"])?.row(&["worker-1"])?;
    world.ok("kubectl get node worker-1 -o jsonpath='{.spec.taints[*].key}'")?.says(&["node.kubernetes.io/not-ready"])?;
    world.shell("kubectl create -n shop -f -").input(POD).run()?.succeeded()?.is("pod/single created")?;
    world.ok("kubectl get pod single -n shop")?.row(&["single", "0/1", "Pending", "0"])?;
    // ServiceAccount and DefaultTolerationSeconds admission, and upstream's defaults.
    world.ok("kubectl get pod single -n shop -o yaml")?.says(&[
        "serviceAccountName: default",
        "kube-api-access-",
        "mountPath: /var/run/secrets/kubernetes.io/serviceaccount",
        "key: node.kubernetes.io/unreachable",
        "tolerationSeconds: 300",
        "dnsPolicy: ClusterFirst",
        "imagePullPolicy: IfNotPresent",
        "qosClass: ",
    ])?;
    world.shell("kubectl create --raw /api/v1/namespaces/shop/pods/single/binding -f -").input(BINDING).run()?.succeeded()?;
    world.ok("kubectl get pod single -n shop -o wide")?.row(&["single", "0/1", "Pending"])?.says(&["worker-1"])?;
    world.ok("kubectl get pods -A --field-selector spec.nodeName=worker-1 -o name")?.is("pod/single")?;
    world.ok("kubectl describe pod single -n shop")?.says(&["Node:", "worker-1", "PodScheduled", "nginx:1.29"])?;
    world.ok("kubectl cordon worker-1")?.is("node/worker-1 cordoned")?;
    world.ok("kubectl get node worker-1")?.says(&["SchedulingDisabled"])?;
    // Bound to a node whose kubelet never answers: a graceful deletion waits, a forced one does not.
    world.ok("kubectl delete pod single -n shop --wait=false")?;
    world.ok("kubectl get pod single -n shop")?.row(&["single", "0/1", "Terminating"])?;
    world.ok("kubectl delete pod single -n shop --force --grace-period=0")?;
    world.fails("kubectl get pod single -n shop")?.says(&["(NotFound)"])?;
    world.ok("kubectl delete node worker-1")?;
    Ok(())
}
