//! Mistakes of every kind: each gets the API's own error or one clear line, and leaves nothing behind.

use super::service;
use super::steps::Scene;
use super::world::World;
use crate::process::{Failure, Result};
use std::fs;

pub const SCENES: &[(&str, Scene)] = &[
    ("names and members of the EKS API", eks),
    ("signatures", signatures),
    ("tokens of Kubernetes", tokens),
    ("manifests", manifests),
    ("what comes later says so", not_yet),
    ("the service itself", own_command),
];

const SIGNED: &str = include_str!("signed.py");

fn eks(world: &mut World) -> Result<()> {
    let refusals = [
        ("aws eks describe-cluster --name nosuch", "ResourceNotFoundException", "No cluster found for name: nosuch"),
        ("aws eks delete-cluster --name nosuch", "ResourceNotFoundException", "No cluster found for name: nosuch"),
        (
            "aws eks create-cluster --name demo --role-arn $CLUSTER_ROLE --resources-vpc-config subnetIds=$SUBNETS",
            "ResourceInUseException",
            "Cluster already exists with name: demo",
        ),
        (
            "aws eks create-cluster --name one --role-arn $CLUSTER_ROLE --resources-vpc-config subnetIds=subnet-0badbadbadbadbad0",
            "InvalidParameterException",
            "subnet-0badbadbadbadbad0",
        ),
        (
            "aws eks create-cluster --name two --role-arn ${CLUSTER_ROLE}Nobody --resources-vpc-config subnetIds=$SUBNETS",
            "InvalidParameterException",
            "Role",
        ),
        (
            "aws eks create-cluster --name three --kubernetes-version 1.2 --role-arn $CLUSTER_ROLE --resources-vpc-config subnetIds=$SUBNETS",
            "InvalidParameterException",
            "version",
        ),
        (
            "aws eks describe-access-entry --cluster-name demo --principal-arn $CLUSTER_ROLE",
            "ResourceNotFoundException",
            "The specified principalArn could not be found",
        ),
        ("aws ec2 describe-vpcs --vpc-ids vpc-0badbadbadbadbad0", "InvalidVpcID.NotFound", "vpc-0badbadbadbadbad0"),
        ("aws iam get-role --role-name nosuch", "NoSuchEntity", "nosuch"),
        ("aws elbv2 describe-load-balancers --names nosuch", "LoadBalancerNotFound", "One or more load balancers not found"),
        (
            "aws elbv2 create-load-balancer --name web --type application --subnets ${SUBNETS%%,*}",
            "OperationNotPermitted",
            "A load balancer of type 'application' is not supported",
        ),
        (
            "aws elbv2 create-load-balancer --name web --type network --subnets subnet-0badbadbadbadbad0",
            "SubnetNotFound",
            "subnet-0badbadbadbadbad0",
        ),
    ];
    for (line, code, text) in refusals {
        world.fails(line)?.says(&[&format!("An error occurred ({code})"), text])?;
    }
    raw(world, "eks POST /clusters", "{\"name\": \"half\"}", "400", "roleArn")?;
    raw(world, "eks POST /clusters", "{\"name\": ", "400", "SerializationException")?;
    raw(world, "eks GET /nothing/here", "", "403", "MissingAuthenticationTokenException")?;
    raw(world, "sts POST /", "Action=GetNothing&Version=2011-06-15", "400", "InvalidAction")?;
    world.ok("aws eks list-clusters --query clusters --output text")?.is("demo").map(drop)
}

/// A signed request that the stock client would not send; its answer is a status line, headers and a body.
fn raw(world: &mut World, request: &str, body: &str, status: &str, text: &str) -> Result<()> {
    let script = world.directory.join("signed.py");
    fs::write(&script, SIGNED).map_err(|error| Failure::io(script.display(), &error))?;
    let answer = world.shell(&format!("python3 signed.py {request}")).input(body).run()?.succeeded()?.says(&[text])?;
    if answer.stdout.lines().next() == Some(status) {
        return Ok(());
    }
    Err(answer.wrong(&format!("it should answer {status}")))
}

fn signatures(world: &mut World) -> Result<()> {
    for (variable, value, line, code) in [
        ("AWS_SECRET_ACCESS_KEY", "wrong", "aws eks list-clusters", "InvalidSignatureException"),
        ("AWS_SECRET_ACCESS_KEY", "wrong", "aws sts get-caller-identity", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE", "aws eks list-clusters", "UnrecognizedClientException"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE", "aws sts get-caller-identity", "InvalidClientTokenId"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE", "aws ec2 describe-vpcs", "AuthFailure"),
    ] {
        let refused = world.shell(line).export(variable, value).run()?.refused()?;
        refused.says(&[&format!("An error occurred ({code})")])?;
    }
    // A client whose clock is an hour behind signs with an hour-old date.
    raw(world, "--skew -3600 eks GET /clusters", "", "403", "Signature expired")?;
    raw(world, "--skew 3600 eks GET /clusters", "", "403", "Signature not yet current")?;
    let unsigned = world.ok("curl --silent --write-out '%{http_code}' http://127.0.0.1:$PORT/clusters")?;
    unsigned.says(&["403", "Missing Authentication Token"]).map(drop)
}

fn tokens(world: &mut World) -> Result<()> {
    let foreign = world.shell("aws eks get-token --cluster-name another").quiet().run()?.succeeded()?;
    world.export("FOREIGN", &foreign.text_at("/status/token")?);
    for token in ["$FOREIGN", "k8s-aws-v1.bm90LWEtdXJs", "garbage", "${FOREIGN}x"] {
        let line = format!(
            "curl --silent --cacert <(base64 --decode <<<$AUTHORITY) -H \"Authorization: Bearer {token}\" $ENDPOINT/api/v1/namespaces | tr -d ' \\n'"
        );
        world.ok(&line)?.says(&["\"kind\":\"Status\"", "\"reason\":\"Unauthorized\"", "\"code\":401"])?;
    }
    let anonymous =
        world.ok("curl --silent --cacert <(base64 --decode <<<$AUTHORITY) $ENDPOINT/api/v1/namespaces | tr -d ' \\n'")?;
    anonymous.says(&["system:anonymous", "\"reason\":\"Forbidden\"", "\"code\":403"]).map(drop)
}

fn manifests(world: &mut World) -> Result<()> {
    let unknown_field = "{apiVersion: v1, kind: ConfigMap, metadata: {name: typo}, daata: {a: b}}";
    let no_selector = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: bad}, spec: {template: {metadata: {labels: {a: b}}, spec: \
                       {containers: [{name: c, image: nginx}]}}}}";
    let no_containers = "{apiVersion: v1, kind: Pod, metadata: {name: bad}, spec: {containers: []}}";
    let no_kind = "{apiVersion: example.com/v1, kind: Nothing, metadata: {name: bad}}";
    for (manifest, texts) in [
        (unknown_field, ["unknown field", "daata"].as_slice()),
        (no_selector, &["The Deployment \"bad\" is invalid", "spec.selector: Required value"]),
        (no_containers, &["The Pod \"bad\" is invalid", "spec.containers: Required value"]),
        (no_kind, &["no matches for kind \"Nothing\" in version \"example.com/v1\""]),
    ] {
        world.shell("kubectl create --namespace shop -f -").input(manifest).run()?.refused()?.says(texts)?;
    }
    world.fails("kubectl create configmap Not_Valid -n shop")?.says(&[
        "ConfigMap \"Not_Valid\" is invalid",
        "metadata.name: Invalid value: \"Not_Valid\": a lowercase RFC 1123 subdomain must consist of",
    ])?;
    world.fails("kubectl create configmap settings -n nowhere")?.says(&["namespaces \"nowhere\" not found"])?;
    let malformed = "kubectl create --raw /api/v1/namespaces/shop/configmaps -f -";
    world.shell(malformed).input("{\"apiVersion\": ").run()?.refused()?.says(&["Error from server (BadRequest)"])?;
    world.ok("kubectl get configmaps,pods,deployments -n shop -o name")?.omits(&["typo", "bad"]).map(drop)
}

fn not_yet(world: &mut World) -> Result<()> {
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: applied}, data: {a: b}}";
    let applied = world.shell("kubectl apply --server-side -n shop -f -").input(map).run()?.refused()?;
    applied.says(&["Server-side apply not available on the server"])?;
    let definition = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: things.example.com}, spec: \
                      {group: example.com, scope: Namespaced, names: {plural: things, kind: Thing}, versions: [{name: v1, served: true, \
                      storage: true, schema: {openAPIV3Schema: {type: object}}}]}}";
    world.shell("kubectl create -f -").input(definition).run()?.refused()?.says(&["Error from server"])?;
    world.fails("kubectl get --raw /apis/example.com/v1/things")?.says(&["(NotFound)"]).map(drop)
}

fn own_command(world: &mut World) -> Result<()> {
    let pid = service::only_pid(world)?;
    world.fails("pilothouse up --state-dir $STATE-other --port $PORT")?.in_one_line()?.says(&["--port"])?;
    if world.directory.join("state-other").exists() {
        return Err("a start that failed left its state directory behind".into());
    }
    let other = service::free_port()?;
    world.fails(&format!("pilothouse up --state-dir $STATE --port {other}"))?.in_one_line()?.says(&["state"])?;
    world.fails("pilothouse env --state-dir $STATE-other")?.in_one_line()?;
    if service::only_pid(world)? == pid { Ok(()) } else { Err("the running service was disturbed".into()) }
}
