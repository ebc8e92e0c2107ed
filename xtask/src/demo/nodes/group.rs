//! A node group from `create-nodegroup` to Ready nodes, and back.

use crate::demo::cloud::role_trusting;
use crate::demo::world::World;
use crate::process::{Failure, Result};

pub fn create(world: &mut World) -> Result<()> {
    // What it holds waits for nodes, with images that nobody has here.
    world.ok("kubectl delete namespace shop --ignore-not-found --timeout=60s")?;
    let roles = world.shell("aws iam list-roles").quiet().run()?.succeeded()?.json()?;
    let role = role_trusting(roles["Roles"].as_array().map_or(&[], Vec::as_slice), "/Principal/Service", "ec2.amazonaws.com")?;
    world.learn("NODE_ROLE", &role);
    world.fails("aws eks create-nodegroup --cluster-name demo --nodegroup-name web --node-role $CLUSTER_ROLE --subnets ${SUBNETS//,/ }")?
        .says(&["InvalidParameterException"])?;
    world.fails("aws eks create-nodegroup --cluster-name demo --nodegroup-name web --node-role $NODE_ROLE --subnets ${SUBNETS//,/ } --instance-types t9.gigantic")?
        .says(&["InvalidParameterException"])?;
    world
        .ok("aws eks create-nodegroup --cluster-name demo --nodegroup-name web --node-role $NODE_ROLE --subnets ${SUBNETS//,/ } --scaling-config minSize=1,maxSize=3,desiredSize=2 --instance-types t3.medium --labels tier=front")?
        .says(&["\"status\": \"CREATING\"", "\"capacityType\": \"ON_DEMAND\"", "t3.medium"])?;
    world.ok("kubectl wait --for=create node -l eks.amazonaws.com/nodegroup=web --timeout=60s")?;
    world
        .fails(
            "aws eks create-nodegroup --cluster-name demo --nodegroup-name web --node-role $NODE_ROLE --subnets ${SUBNETS//,/ }",
        )?
        .says(&["ResourceInUseException"])?;
    world.fails("aws eks delete-cluster --name demo")?.says(&["ResourceInUseException", "nodegroups attached"])?;
    Ok(())
}

pub fn ready(world: &mut World) -> Result<()> {
    until_nodes(world, 2)?;
    world.ok("kubectl wait --for=condition=Ready node --all --timeout=60s")?;
    world.ok("aws eks wait nodegroup-active --cluster-name demo --nodegroup-name web")?;
    world
        .ok("aws eks describe-nodegroup --cluster-name demo --nodegroup-name web")?
        .says(&["\"status\": \"ACTIVE\"", "\"issues\": []"])?;
    world.ok("aws eks list-nodegroups --cluster-name demo --query nodegroups --output text")?.is("web")?;
    world.ok("kubectl get nodes -o wide")?.says(&[".ec2.internal", "Ready", "v1.36", "172.31.", "pilothouse://"])?;
    let names = world.ok("kubectl get nodes -o jsonpath='{.items[*].metadata.name}'")?;
    let names: Vec<&str> = names.stdout.split_whitespace().collect();
    let [first, second] = names.as_slice() else { return Err(Failure(format!("two nodes were expected: {names:?}"))) };
    world.learn("NODE_A", first);
    world.learn("NODE_B", second);
    world.ok("kubectl get node $NODE_A -o jsonpath='{.metadata.labels}'")?.says(&[
        "\"eks.amazonaws.com/nodegroup\":\"web\"",
        "\"eks.amazonaws.com/capacityType\":\"ON_DEMAND\"",
        "\"node.kubernetes.io/instance-type\":\"t3.medium\"",
        "\"topology.kubernetes.io/region\":\"us-east-1\"",
        "\"topology.kubernetes.io/zone\":\"us-east-1",
        "\"kubernetes.io/os\":\"linux\"",
        "\"tier\":\"front\"",
    ])?;
    world.ok("kubectl get node $NODE_A -o jsonpath='{.spec.providerID}'")?.says(&["aws:///us-east-1", "/i-"])?;
    world
        .ok("kubectl get nodes -o custom-columns=NAME:.metadata.name,PODS:.status.capacity.pods,CPU:.status.capacity.cpu,FREE:.status.allocatable.cpu --no-headers")?
        .row(&[world.fact("NODE_A")?.to_owned().as_str(), "17", "2", "1930m"])?;
    let zones = world.ok("kubectl get nodes -L topology.kubernetes.io/zone --no-headers")?;
    let zones: std::collections::BTreeSet<&str> =
        zones.stdout.lines().filter_map(|line| line.split_whitespace().last()).collect();
    if zones.len() != 2 {
        return Err(Failure(format!("the two nodes should be in two zones: {zones:?}")));
    }
    world
        .ok("aws ec2 describe-instances --filters Name=tag:eks:nodegroup-name,Values=web Name=instance-state-name,Values=running --query 'Reservations[].Instances[].PrivateDnsName' --output text")?
        .says(&[world.fact("NODE_A")?.to_owned().as_str(), world.fact("NODE_B")?.to_owned().as_str()])?;
    world
        .ok("aws ec2 describe-network-interfaces --filters Name=vpc-id,Values=$VPC --query 'NetworkInterfaces[].Description' --output text")?
        .says(&["Amazon EKS demo"])?;
    world
        .ok("aws ec2 describe-instance-types --instance-types t3.medium --query 'InstanceTypes[].NetworkInfo.[MaximumNetworkInterfaces,Ipv4AddressesPerInterface]' --output text")?
        .row(&["3", "6"])?;
    world.ok("kubectl get csr")?.says(&["kubernetes.io/kubelet-serving", "Approved,Issued"])?;
    world.ok("kubectl get leases -n kube-node-lease")?.says(&[world.fact("NODE_A")?.to_owned().as_str()])?;
    world.ok("kubectl get endpoints kubernetes")?.says(&["172.31.", ":443"])?;
    world
        .ok("kubectl auth can-i get secrets --all-namespaces --as=system:node:$NODE_A --as-group=system:nodes || true")?
        .says(&["no"])?;
    Ok(())
}

/// Waits until the cluster has this many nodes.
fn until_nodes(world: &mut World, count: usize) -> Result<()> {
    let line = format!(
        "for i in $(seq 100); do [ $(kubectl get nodes -o name | wc -l) -ge {count} ] && exit 0; sleep 0.2; done; exit 1"
    );
    world.ok(&line).map(drop)
}

pub fn delete(world: &mut World) -> Result<()> {
    if !world.ok("aws eks list-clusters --query clusters --output text")?.stdout.contains("demo") {
        return Ok(()); // stopped early, by --until
    }
    if !world.ok("aws eks list-nodegroups --cluster-name demo --query nodegroups --output text")?.stdout.contains("web") {
        return Ok(());
    }
    world.ok("kubectl delete namespace site --ignore-not-found --timeout=90s")?;
    world
        .ok("aws eks update-nodegroup-config --cluster-name demo --nodegroup-name web --scaling-config minSize=1,maxSize=3,desiredSize=1")?
        .says(&["\"type\": \"ConfigUpdate\""])?;
    world.ok("kubectl wait --for=delete node --field-selector metadata.name!=none --timeout=1s || true")?;
    world.ok("aws eks delete-nodegroup --cluster-name demo --nodegroup-name web")?.says(&["\"status\": \"DELETING\""])?;
    world.ok("kubectl wait --for=delete node --all --timeout=90s")?;
    world.ok("aws eks wait nodegroup-deleted --cluster-name demo --nodegroup-name web")?;
    world.ok("aws eks list-nodegroups --cluster-name demo --query nodegroups --output text")?.is("")?;
    Ok(())
}
