//! What kubectl asks before it does anything.

use crate::demo::world::World;
use crate::process::Result;

pub fn version_and_discovery(world: &mut World) -> Result<()> {
    world.ok("kubectl version")?.says(&["Server Version: v1.36."])?;
    world.ok("kubectl cluster-info")?.says(&["is running at", "https://"])?;
    world.ok("kubectl get --raw /readyz")?.is("ok")?;
    world.ok("kubectl get --raw '/readyz?verbose'")?.says(&["readyz check passed"])?;
    let table = world.ok("kubectl api-resources")?;
    for row in [
        ["configmaps", "cm", "v1", "true", "ConfigMap"],
        ["namespaces", "ns", "v1", "false", "Namespace"],
        ["deployments", "deploy", "apps/v1", "true", "Deployment"],
        ["ingresses", "ing", "networking.k8s.io/v1", "true", "Ingress"],
        ["cronjobs", "cj", "batch/v1", "true", "CronJob"],
        ["horizontalpodautoscalers", "hpa", "autoscaling/v2", "true", "HorizontalPodAutoscaler"],
    ] {
        let missing = table.wrong(&format!("it should list {}", row[0]));
        let rows = table.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        if !rows.into_iter().any(|cells| cells == row) {
            return Err(missing);
        }
    }
    world.ok("kubectl api-versions")?.says(&["apps/v1", "rbac.authorization.k8s.io/v1", "discovery.k8s.io/v1"])?;
    world.ok("kubectl explain deployment.spec.replicas")?.says(&["FIELD: replicas <integer>"])?;
    world.ok("kubectl get namespaces")?.row(&["default", "Active"])?.row(&["kube-system", "Active"])?;
    world.ok("kubectl get service kubernetes")?.row(&["kubernetes", "ClusterIP"])?.says(&["443/TCP"])?;
    world.ok("kubectl get clusterroles -o name")?.says(&["cluster-admin", "system:basic-user", "view"])?;
    Ok(())
}
