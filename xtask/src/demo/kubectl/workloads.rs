//! Deployments, Services and one of nearly every other kind.

use crate::demo::world::World;
use crate::process::{Failure, Result};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// Upstream's default `--service-node-port-range`.
const NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;
const OTHER_KINDS: &str = include_str!("../manifests/other-kinds.yaml");

pub fn deployments_and_services(world: &mut World) -> Result<()> {
    world
        .ok("kubectl create deployment web -n shop --image=nginx:1.29 --replicas=2 --port=80")?
        .is("deployment.apps/web created")?;
    world.ok("kubectl get deployment web -n shop")?.says(&["READY", "UP-TO-DATE", "AVAILABLE"])?.row(&["web", "0/2"])?;
    world.ok("kubectl get deployment web -n shop -o wide")?.says(&["CONTAINERS", "nginx:1.29", "app=web"])?;
    world.ok("kubectl describe deployment web -n shop")?.says(&["Selector:", "app=web", "2 desired", "25% max unavailable"])?;
    world
        .ok("kubectl get deployment web -n shop -o jsonpath={.spec.revisionHistoryLimit},{.spec.template.spec.restartPolicy}")?
        .is("10,Always")?;
    world.ok("kubectl scale deployment web -n shop --replicas=3")?.is("deployment.apps/web scaled")?;
    world.ok("kubectl get deployment web -n shop -o jsonpath={.spec.replicas},{.metadata.generation}")?.is("3,2")?;
    world.ok("kubectl create service clusterip web -n shop --tcp=80:8080")?.is("service/web created")?;
    world.ok("kubectl expose deployment web -n shop --name=public --type=NodePort --port=80")?.is("service/public exposed")?;
    world.ok("kubectl get services -n shop -o wide")?.row(&["web", "ClusterIP"])?.row(&["public", "NodePort"])?;
    let addresses = world.ok("kubectl get services -n shop -o jsonpath='{.items[*].spec.clusterIP}'")?.stdout;
    let addresses: Vec<Ipv4Addr> = addresses.split_whitespace().filter_map(|address| address.parse().ok()).collect();
    if addresses.len() != 2 || addresses[0] == addresses[1] {
        return Err(Failure(format!("two Services need two cluster addresses: {addresses:?}")));
    }
    let port = world.ok("kubectl get service public -n shop -o jsonpath='{.spec.ports[0].nodePort}'")?;
    if !port.stdout.parse().is_ok_and(|port| NODE_PORTS.contains(&port)) {
        return Err(port.wrong("it should be a node port"));
    }
    let taken = format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: thief}}, spec: {{clusterIP: {}, ports: [{{port: 80}}]}}}}",
        addresses[0]
    );
    let refused = world.shell("kubectl create -n shop -f -").input(&taken).run()?.refused()?;
    refused.says(&["The Service \"thief\" is invalid", "provided IP is already allocated"])?;
    world.ok("kubectl describe service web -n shop")?.says(&["Type:", "ClusterIP", "TargetPort:", "8080/TCP"])?;
    Ok(())
}

pub fn other_kinds(world: &mut World) -> Result<()> {
    for (line, answer) in [
        ("job once --image=busybox:1.37 -- true", "job.batch/once created"),
        ("cronjob nightly --image=busybox:1.37 --schedule='0 3 * * *' -- true", "cronjob.batch/nightly created"),
        ("ingress web --class=alb --rule='shop.example/*=web:80'", "ingress.networking.k8s.io/web created"),
        ("poddisruptionbudget web --selector=app=web --min-available=1", "poddisruptionbudget.policy/web created"),
        ("quota small --hard=pods=10", "resourcequota/small created"),
        ("serviceaccount robot", "serviceaccount/robot created"),
    ] {
        world.ok(&format!("kubectl create -n shop {line}"))?.is(answer)?;
    }
    world.ok("kubectl create priorityclass urgent --value=1000")?.is("priorityclass.scheduling.k8s.io/urgent created")?;
    world.shell("kubectl create -n shop -f -").input(OTHER_KINDS).run()?.succeeded()?.says(&[
        "statefulset.apps/store created",
        "daemonset.apps/agent created",
        "replicaset.apps/pair created",
        "horizontalpodautoscaler.autoscaling/web created",
        "networkpolicy.networking.k8s.io/closed created",
        "persistentvolumeclaim/data created",
        "limitrange/limits created",
        "lease.coordination.k8s.io/turn created",
        "endpointslice.discovery.k8s.io/web-1 created",
        "podtemplate/shape created",
    ])?;
    world.ok("kubectl get cronjob nightly -n shop")?.row(&["nightly", "0", "3", "*", "*", "*"])?;
    world
        .ok("kubectl get statefulset,daemonset,hpa,pvc,ingress,networkpolicy -n shop")?
        .says(&["statefulset.apps/store", "shop.example"])?;
    world.ok("kubectl get all -n shop")?.says(&[
        "deployment.apps/web",
        "service/web",
        "job.batch/once",
        "replicaset.apps/pair",
    ])?;
    world.ok("kubectl describe ingress web -n shop")?.says(&["shop.example", "web:80"])?;
    world.ok("kubectl delete priorityclass urgent")?;
    Ok(())
}
