//! The AWS half: identity, network, the cluster from CREATING to gone.

use super::world::World;
use crate::process::{Failure, Result};
use serde_json::Value;

pub fn identity(world: &mut World) -> Result<()> {
    let who = world.ok("aws sts get-caller-identity")?.says(&["UserId", "arn:aws:iam::"])?;
    world.learn("ACCOUNT", &who.text_at("/Account")?);
    let user = world.ok("aws iam get-user --query User.Arn --output text")?;
    user.is(&who.text_at("/Arn")?)?;
    // Nothing is written into a home directory unless it is asked for; then a plain profile is enough for everything.
    world.ok("test ! -e ~/.aws && test ! -e ~/.kube")?;
    world.ok("pilothouse configure --state-dir $STATE --profile pilothouse")?;
    let bare = "env -u AWS_ENDPOINT_URL -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_DEFAULT_REGION -u AWS_REGION";
    world
        .ok(&format!("{bare} aws --profile pilothouse sts get-caller-identity --query Arn --output text"))?
        .is(&who.text_at("/Arn")?)?;
    let roles = world.shell("aws iam list-roles").quiet().run()?.succeeded()?.json()?;
    let roles = roles["Roles"].as_array().cloned().unwrap_or_default(); // checked by the searches below
    world.learn("CLUSTER_ROLE", &role_trusting(&roles, "/Principal/Service", "eks.amazonaws.com")?);
    let account = world.fact("ACCOUNT")?.to_owned();
    world.learn("VIEWER_ROLE", &role_trusting(&roles, "/Principal/AWS", &account)?);
    Ok(())
}

/// The ARN of the first role whose trust policy names `principal`; service-linked roles are AWS's own to use.
pub fn role_trusting(roles: &[Value], pointer: &str, principal: &str) -> Result<String> {
    let trusts = |role: &&Value| {
        let statements = role.pointer("/AssumeRolePolicyDocument/Statement").and_then(Value::as_array);
        let mut named = statements.into_iter().flatten().filter_map(|statement| statement.pointer(pointer));
        named.any(|value| value.to_string().contains(principal))
    };
    let ours = |role: &&Value| !role["Path"].as_str().is_some_and(|path| path.starts_with("/aws-service-role/"));
    let arn = roles.iter().filter(ours).find(trusts).and_then(|role| role["Arn"].as_str());
    arn.map(str::to_owned).ok_or_else(|| Failure(format!("no role trusts {principal}; roles: {roles:#?}")))
}

pub fn network(world: &mut World) -> Result<()> {
    world.ok("aws ec2 describe-availability-zones --query 'AvailabilityZones[].ZoneName' --output text")?.row(&[
        "us-east-1a",
        "us-east-1b",
        "us-east-1c",
    ])?;
    let vpc = world.ok("aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[].VpcId' --output text")?;
    world.learn("VPC", vpc.says(&["vpc-"])?.stdout.trim());
    world.ok("aws ec2 describe-security-groups --filters Name=vpc-id,Values=$VPC --query 'SecurityGroups[].GroupName' --output text")?
        .says(&["default"])?;
    let subnets = world
        .ok("aws ec2 describe-subnets --filters Name=vpc-id,Values=$VPC --query 'Subnets[].SubnetId' --output text")?
        .says(&["subnet-"])?;
    let names: Vec<&str> = subnets.stdout.split_whitespace().collect();
    if names.len() != 3 {
        return Err(subnets.wrong("it should name a subnet in each of three zones"));
    }
    world.learn("SUBNETS", &names.join(","));
    Ok(())
}

pub fn create_cluster(world: &mut World) -> Result<()> {
    world
        .ok("aws eks describe-cluster-versions --default-only --query 'clusterVersions[].clusterVersion' --output text")?
        .is("1.36")?;
    let line = "aws eks create-cluster --name demo --role-arn $CLUSTER_ROLE --resources-vpc-config subnetIds=$SUBNETS --access-config authenticationMode=API_AND_CONFIG_MAP --tags team=web";
    let created = world.ok(line)?.says(&["\"status\": \"CREATING\"", "\"version\": \"1.36\"", "\"team\": \"web\""])?;
    world.learn("CLUSTER_ARN", &created.text_at("/cluster/arn")?);
    world.ok("aws eks list-clusters --query clusters --output text")?.is("demo")?;
    Ok(())
}

pub fn wait_active(world: &mut World) -> Result<()> {
    world.ok("aws eks wait cluster-active --name demo")?;
    let cluster = world.ok("aws eks describe-cluster --name demo")?.says(&["\"status\": \"ACTIVE\""])?;
    world.learn("ENDPOINT", &cluster.text_at("/cluster/endpoint")?);
    // ACTIVE means: this very endpoint answers /readyz with the certificate that DescribeCluster names.
    world.learn("AUTHORITY", &cluster.text_at("/cluster/certificateAuthority/data")?);
    world.ok("curl --silent --show-error --fail --cacert <(base64 --decode <<<$AUTHORITY) $ENDPOINT/readyz")?.is("ok")?;
    world.ok("aws eks tag-resource --resource-arn $CLUSTER_ARN --tags stage=demo")?;
    world
        .ok("aws eks list-tags-for-resource --resource-arn $CLUSTER_ARN")?
        .says(&["\"stage\": \"demo\"", "\"team\": \"web\""])?;
    world.ok("aws eks untag-resource --resource-arn $CLUSTER_ARN --tag-keys stage")?;
    world.ok("aws eks list-tags-for-resource --resource-arn $CLUSTER_ARN")?.omits(&["stage"])?;
    Ok(())
}

pub fn kubeconfig(world: &mut World) -> Result<()> {
    world.ok("aws eks update-kubeconfig --name demo --kubeconfig $KUBECONFIG")?.says(&["arn:aws:eks:us-east-1:"])?;
    world.ok("kubectl config current-context")?.says(&["cluster/demo"])?;
    world.ok("aws eks get-token --cluster-name demo")?.says(&["ExecCredential", "k8s-aws-v1."])?;
    Ok(())
}

pub fn delete(world: &mut World) -> Result<()> {
    if !world.ok("aws eks list-clusters --query clusters --output text")?.stdout.contains("demo") {
        return Ok(()); // stopped early, by --until
    }
    if world.directory.join("kubeconfig").exists() {
        world.ok("kubectl delete namespace shop --ignore-not-found --timeout=60s")?;
        world.ok("kubectl get namespaces -o name")?.omits(&["namespace/shop"])?;
    }
    world.ok("aws eks delete-cluster --name demo")?.says(&["\"status\": \"DELETING\""])?;
    world.ok("aws eks wait cluster-deleted --name demo")?;
    world.fails("aws eks describe-cluster --name demo")?.says(&["ResourceNotFoundException"])?;
    world.ok("aws eks list-clusters --query clusters --output text")?.is("")?;
    Ok(())
}
