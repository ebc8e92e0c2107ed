//! From a Service of type LoadBalancer to a page in the host's own browser.

use super::manifest::{SERVICE, application};
use super::{answers, of_pods};
use crate::demo::world::World;
use crate::process::{Failure, Result};
use std::collections::BTreeSet;

pub fn apply(world: &mut World) -> Result<()> {
    world.ok("kubectl create namespace front")?;
    world.ok("kubectl wait -n front --for=create serviceaccount/default --timeout=30s")?;
    let manifests = format!("{}{SERVICE}", application("v1", 3));
    world
        .shell("kubectl apply -f -")
        .input(&manifests)
        .run()?
        .succeeded()?
        .says(&["deployment.apps/page created", "service/page created"])?;
    world
        .ok("kubectl rollout status deployment/page -n front --timeout=90s")?
        .says(&["deployment \"page\" successfully rolled out"])?;
    world.ok("kubectl get deployment page -n front")?.row(&["page", "3/3", "3", "3"])?;
    world.ok("kubectl get replicasets -n front")?.says(&["page-"])?;
    world.ok("kubectl describe deployment page -n front")?.says(&[
        "ScalingReplicaSet",
        "Scaled up replica set page-",
        "NewReplicaSetAvailable",
    ])?;
    world.ok("kubectl get events -n front")?.says(&["Scheduled", "Successfully assigned front/page-", "SuccessfulCreate"])?;
    Ok(())
}

pub fn spread(world: &mut World) -> Result<()> {
    let nodes: BTreeSet<String> = of_pods(world, ".spec.nodeName")?.into_iter().collect();
    if nodes.len() != 2 {
        return Err(Failure(format!("three replicas should be on both nodes, they are on {nodes:?}")));
    }
    world.ok("kubectl get endpointslices -n front -l kubernetes.io/service-name=page")?.says(&["page-", "8080"])?;
    world.ok("kubectl get endpoints page -n front 2>/dev/null")?.says(&[":8080"])?;
    Ok(())
}

pub fn provisioned(world: &mut World) -> Result<()> {
    world.ok("kubectl wait -n front service/page --for=jsonpath='{.status.loadBalancer.ingress[0].hostname}' --timeout=60s")?;
    let hostname = world.ok("kubectl get service page -n front -o jsonpath='{.status.loadBalancer.ingress[0].hostname}'")?;
    world.learn("HOSTNAME", hostname.says(&[".elb.us-east-1.amazonaws.com"])?.stdout.trim());
    let balancer = "aws elbv2 describe-load-balancers --query 'LoadBalancers[0].";
    let arn = world.ok(&format!("{balancer}LoadBalancerArn' --output text"))?.says(&["loadbalancer/net/k8s-front-page-"])?;
    world.learn("BALANCER", arn.stdout.trim());
    world.ok("aws elbv2 wait load-balancer-available --load-balancer-arns $BALANCER")?;
    world.ok(&format!("{balancer}[DNSName,Scheme,Type,State.Code]' --output text"))?.row(&[
        world.fact("HOSTNAME")?.to_owned().as_str(),
        "internet-facing",
        "network",
        "active",
    ])?;
    world
        .ok("aws elbv2 describe-listeners --load-balancer-arn $BALANCER --query 'Listeners[].[Protocol,Port]' --output text")?
        .row(&["TCP", "80"])?;
    let group = world.ok(
        "aws elbv2 describe-target-groups --load-balancer-arn $BALANCER --query 'TargetGroups[0].TargetGroupArn' --output text",
    )?;
    world.learn("TARGETS", group.stdout.trim());
    world.ok("aws elbv2 describe-tags --resource-arns $BALANCER")?.says(&["elbv2.k8s.aws/cluster", "front/page"])?;
    world.ok("aws elbv2 wait target-in-service --target-group-arn $TARGETS")?;
    world
        .ok("aws elbv2 describe-target-health --target-group-arn $TARGETS --query 'TargetHealthDescriptions[].[TargetHealth.State,Target.Id]' --output text")?
        .row(&["healthy"])?
        .omits(&["unhealthy", "initial"])?;
    world.ok("kubectl describe service page -n front")?.says(&[
        "EnsuringLoadBalancer",
        "EnsuredLoadBalancer",
        "LoadBalancer Ingress:",
    ])?;
    Ok(())
}

pub fn from_the_host(world: &mut World) -> Result<()> {
    world.ok("curl --silent --show-error --fail --max-time 5 http://$HOSTNAME/")?.says(&["v1 from page-"])?;
    let pods: BTreeSet<String> = of_pods(world, ".metadata.name")?.into_iter().collect();
    let expected: BTreeSet<String> = pods.iter().map(|pod| format!("v1 from {pod}")).collect();
    let told = answers(world, 60)?;
    if told != expected {
        return Err(Failure(format!("60 requests should be answered by all of {expected:?}, the answers are {told:?}")));
    }
    Ok(())
}

/// What the kernel has counted: at the load balancer, at a node port, and towards pods of another node.
pub fn way(world: &mut World) -> Result<()> {
    let vpc = world.fact("VPC")?.to_owned();
    if counted(world, &vpc, "pilothouse-elb", "dnat to")? == 0 {
        return Err("no packet has been counted at the load balancer".into());
    }
    let pods = world.ok(
        "kubectl get pods -n front -l app=page -o jsonpath='{range .items[*]}{.spec.nodeName} {.status.podIP}{\"\\n\"}{end}'",
    )?;
    let nodes = world.ok("kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name} {.spec.providerID}{\"\\n\"}{end}'")?;
    let mut elsewhere = 0;
    for (node, provider) in nodes.stdout.lines().filter_map(|line| line.split_once(' ')) {
        let instance = provider.rsplit('/').next().unwrap_or_default(); // no namespace has such a name
        if counted(world, instance, "kube-proxy", "front/page:http")? == 0 {
            return Err(Failure(format!("no packet has been counted at the node port of {node}")));
        }
        let others = pods.stdout.lines().filter_map(|line| line.split_once(' ')).filter(|(on, _)| *on != node);
        let others: Vec<String> = others.map(|(_, address)| format!(": {address} [.] ")).collect();
        elsewhere += counted(world, instance, "kube-proxy", &others.join("|"))?;
    }
    if elsewhere == 0 { Err("no node has led anybody to a pod of another node".into()) } else { Ok(()) }
}

/// Packets that the rules or elements with this text have seen, in the network namespace of a VPC or an instance.
fn counted(world: &mut World, namespace: &str, table: &str, text: &str) -> Result<u64> {
    let here = format!("$(ip netns list | grep -oE 'ph-[0-9a-z-]*{namespace}')");
    let rules = world
        .ok(&format!("ip netns exec {here} nft list table ip {table} | tr , '\\n' | grep counter | grep -E '{text}'"))?
        .stdout;
    let packets = rules.split_whitespace().zip(rules.split_whitespace().skip(1)).filter(|(word, _)| *word == "packets");
    Ok(packets.filter_map(|(_, number)| number.parse::<u64>().ok()).sum())
}

pub fn names(world: &mut World) -> Result<()> {
    let pod = of_pods(world, ".metadata.name")?.into_iter().next().ok_or("no pod runs")?;
    let exec = format!("kubectl exec -n front {pod} --");
    world.ok(&format!("{exec} wget -qO- http://page/"))?.says(&["v1 from page-"])?;
    world.ok(&format!("{exec} wget -qO- http://page.front.svc.cluster.local/"))?.says(&["v1 from page-"])?;
    world.ok(&format!("{exec} nslookup kubernetes.default.svc.cluster.local"))?.says(&["10.100.0.1"])?;
    let node = world.fact("NODE_A")?.to_owned();
    world.ok(&format!("{exec} nslookup {node}"))?.says(&["172.31."])?;
    world.ok(&format!("{exec} nslookup $HOSTNAME"))?.says(&["172.31."])?;
    world.ok("kubectl get service kube-dns -n kube-system")?.row(&["kube-dns", "ClusterIP", "10.100.0.10"])?;
    Ok(())
}
