//! A Service of type LoadBalancer, from its manifest to its last trace, through the cluster's API and ELB's, with a host that
//! does as it is told.

use crate::sandbox;
use crate::world::aws::Aws;
use crate::world::kube::Kube;
use crate::world::{REGIONAL, World, eventually};
use client::Options;
use cloud_elbv2::{INSTANCES, LOAD_BALANCERS, NETWORK_INTERFACES, TARGET_GROUPS};
use http::Method;
use meta::Doc;
use serde_json::json;

const INSTANCE: &str = "i-0123456789abcdef0";
const SERVICES: &str = "/api/v1/namespaces/default/services";

async fn node(world: &World, kube: &Kube, name: &str) {
    let instance = json!({"metadata": {"name": INSTANCE}, "spec": {"instanceId": INSTANCE, "host": "elsewhere"}});
    world.admin().create(INSTANCES, REGIONAL, instance).await.expect("an instance");
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "spec": {"providerID": format!("aws:///us-east-1a/{INSTANCE}")},
    });
    let (code, mut made) = kube.post("/api/v1/nodes", node).await;
    assert_eq!(code, 201, "{made}");
    made["metadata"]["resourceVersion"] = Doc::Null;
    made["status"]["conditions"] = json!([{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}]);
    let path = format!("/api/v1/nodes/{name}/status");
    let (code, made) = kube.request(Method::PUT, &path, Some(made)).await.expect("an answer");
    assert_eq!(code, 200, "{made}");
}

fn service(port: u64) -> Doc {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"name": "http", "port": port, "targetPort": 8080}]},
    })
}

/// What a host says of every load balancer.
async fn realise(world: &World) {
    let listed = world.admin().list(LOAD_BALANCERS, REGIONAL, Options::default()).await.expect("a list");
    for record in &listed.items {
        let realised = json!({"status": {"realised": true}});
        world.admin().patch(LOAD_BALANCERS, REGIONAL, &record.meta.name, "status", realised).await.expect("realised");
    }
}

async fn count(world: &World, resource: client::Resource) -> usize {
    world.admin().list(resource, REGIONAL, Options::default()).await.expect("a list").items.len()
}

async fn reasons(kube: &Kube) -> Vec<String> {
    let (_, events) = kube.get("/api/v1/namespaces/default/events").await;
    let about = events["items"].as_array().cloned().unwrap_or_default();
    let about = about.iter().filter(|event| event["involvedObject"]["name"] == "web");
    let mut reasons: Vec<String> = about.filter_map(|event| event["reason"].as_str().map(str::to_owned)).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_has_its_load_balancer_until_its_last_trace() {
    if !sandbox::contained("load_balancers::a_service_has_its_load_balancer_until_its_last_trace") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let cluster = world.cluster("demo").await;
    let kube = world.kube(&cluster, &aws);
    node(&world, &kube, "ip-172-31-0-9.ec2.internal").await;
    let (code, made) = kube.post(SERVICES, service(80)).await;
    assert_eq!(code, 201, "{made}");
    let node_port = made["spec"]["ports"][0]["nodePort"].clone();
    eventually(1, || count(&world, LOAD_BALANCERS)).await;
    eventually(1, || count(&world, TARGET_GROUPS)).await;
    realise(&world).await;

    let path = format!("{SERVICES}/web");
    let shown = async || kube.get(&path).await.1.pointer("/status/loadBalancer/ingress/0/hostname").cloned().unwrap_or_default();
    eventually(true, || async { shown().await.is_string() }).await;
    let balancer = balancer(&aws, &shown().await).await;
    traffic(&aws, &balancer, &node_port).await;
    eventually(true, || async { reasons(&kube).await == ["EnsuredLoadBalancer", "EnsuringLoadBalancer"] }).await;

    // Another port: the listener follows, the load balancer stays.
    let (_, mut changed) = kube.get(&path).await;
    changed["spec"]["ports"][0]["port"] = json!(8080);
    let (code, answer) = kube.request(Method::PUT, &path, Some(changed)).await.expect("an answer");
    assert_eq!(code, 200, "{answer}");
    let ports = async || {
        let found = aws.ok("elbv2", "DescribeListeners", json!({"LoadBalancerArn": balancer["LoadBalancerArn"]})).await;
        found["Listeners"].as_array().into_iter().flatten().map(|one| one["Port"].to_string()).collect::<Vec<_>>().join(" ")
    };
    eventually("8080".to_owned(), ports).await;

    let (code, answer) = kube.request(Method::DELETE, &path, None).await.expect("an answer");
    assert_eq!(code, 200, "{answer}");
    eventually(404, || async { kube.get(&path).await.0 }).await;
    for resource in [LOAD_BALANCERS, TARGET_GROUPS, cloud_elbv2::LISTENERS, cloud_elbv2::NAMES] {
        eventually(0, || count(&world, resource)).await;
    }
    eventually(2, || count(&world, NETWORK_INTERFACES)).await;
    world.service.stop().await;
}

/// As `aws elbv2 describe-load-balancers` shows it.
async fn balancer(aws: &Aws, hostname: &Doc) -> Doc {
    let found = aws.ok("elbv2", "DescribeLoadBalancers", json!({})).await["LoadBalancers"][0].take();
    assert_eq!((&found["DNSName"], &found["State"]["Code"]), (hostname, &json!("active")));
    assert_eq!((&found["Scheme"], found["AvailabilityZones"].as_array().map(Vec::len)), (&json!("internal"), Some(3)));
    let name = found["LoadBalancerName"].as_str().expect("a name");
    assert!(name.starts_with("k8s-default-web-"), "{name}");
    let tags = aws.ok("elbv2", "DescribeTags", json!({"ResourceArns": [found["LoadBalancerArn"]]})).await;
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
    let expected = json!([
        tag("elbv2.k8s.aws/cluster", "demo"),
        tag("service.k8s.aws/resource", "LoadBalancer"),
        tag("service.k8s.aws/stack", "default/web"),
    ]);
    assert_eq!(tags["TagDescriptions"][0]["Tags"], expected);
    found
}

async fn traffic(aws: &Aws, balancer: &Doc, node_port: &Doc) {
    let arn = &balancer["LoadBalancerArn"];
    let listeners = aws.ok("elbv2", "DescribeListeners", json!({"LoadBalancerArn": arn})).await;
    let listener = &listeners["Listeners"][0];
    assert_eq!((&listener["Protocol"], &listener["Port"]), (&json!("TCP"), &json!(80)));
    let groups = aws.ok("elbv2", "DescribeTargetGroups", json!({"LoadBalancerArn": arn})).await;
    let group = &groups["TargetGroups"][0];
    assert_eq!((&group["TargetType"], &group["Port"]), (&json!("instance"), node_port));
    assert_eq!((&group["HealthCheckProtocol"], &group["HealthCheckIntervalSeconds"]), (&json!("TCP"), &json!(10)));
    assert_eq!(listener["DefaultActions"][0]["TargetGroupArn"], group["TargetGroupArn"]);
    let health = aws.ok("elbv2", "DescribeTargetHealth", json!({"TargetGroupArn": group["TargetGroupArn"]})).await;
    assert_eq!(health["TargetHealthDescriptions"][0]["Target"], json!({"Id": INSTANCE, "Port": node_port}));
}

const ANNOTATION: &str = "service.beta.kubernetes.io/aws-load-balancer-";

/// Ports of a listener for both protocols, and one for datagrams only.
fn datagrams() -> Doc {
    let mut service = service(53);
    service["spec"]["ports"] = json!([
        {"name": "dns", "port": 53, "targetPort": 5353, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "targetPort": 5353, "protocol": "TCP"},
        {"name": "syslog", "port": 514, "targetPort": 5514, "protocol": "UDP"},
    ]);
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_datagrams() {
    if !sandbox::contained("load_balancers::services_of_datagrams") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let cluster = world.cluster("demo").await;
    let kube = world.kube(&cluster, &aws);
    node(&world, &kube, "ip-172-31-0-9.ec2.internal").await;
    let (code, made) = kube.post(SERVICES, datagrams()).await;
    assert_eq!(code, 201, "{made}");
    let described = async || {
        let Some(arn) = aws.ok("elbv2", "DescribeLoadBalancers", json!({})).await["LoadBalancers"][0]["LoadBalancerArn"]
            .as_str()
            .map(str::to_owned)
        else {
            return String::new();
        };
        let listeners = aws.ok("elbv2", "DescribeListeners", json!({"LoadBalancerArn": arn})).await;
        let groups = aws.ok("elbv2", "DescribeTargetGroups", json!({"LoadBalancerArn": arn})).await;
        let mut lines = Vec::new();
        for listener in listeners["Listeners"].as_array().into_iter().flatten() {
            let mut all = groups["TargetGroups"].as_array().into_iter().flatten();
            let leads_to = &listener["DefaultActions"][0]["TargetGroupArn"];
            let Some(group) = all.find(|group| group["TargetGroupArn"] == *leads_to) else { continue };
            let field = |doc: &Doc, name: &str| doc[name].to_string().replace('"', "");
            lines.push(format!(
                "{} {} -> {} {} by {}",
                field(listener, "Port"),
                field(listener, "Protocol"),
                field(group, "TargetType"),
                field(group, "Port"),
                field(group, "HealthCheckProtocol")
            ));
        }
        lines.sort();
        lines.join(", ")
    };
    let ports: Vec<&Doc> = made["spec"]["ports"].as_array().into_iter().flatten().map(|port| &port["nodePort"]).collect();
    assert_eq!(ports[0], ports[1], "one node port for both protocols");
    let by_node = format!("514 UDP -> instance {} by TCP, 53 TCP_UDP -> instance {} by TCP", ports[2], ports[0]);
    eventually(by_node, described).await;

    let path = format!("{SERVICES}/web");
    let annotate = async |suffix: &str, value: &str| {
        // The controller writes its status meanwhile.
        let put = async || {
            let (_, mut service) = kube.get(&path).await;
            service["metadata"]["annotations"][format!("{ANNOTATION}{suffix}")] = json!(value);
            kube.request(Method::PUT, &path, Some(service)).await.expect("an answer").0
        };
        eventually(200, put).await;
    };
    annotate("nlb-target-type", "ip").await;
    eventually("514 UDP -> ip 5514 by TCP, 53 TCP_UDP -> ip 5353 by TCP".to_owned(), described).await;
    annotate("target-group-attributes", "preserve_client_ip.enabled=false").await;
    eventually(true, || async { reasons(&kube).await.contains(&"SyncLoadBalancerFailed".to_owned()) }).await;
    world.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_built_is_told_to_whoever_asks_for_it() {
    if !sandbox::contained("load_balancers::what_is_not_built_is_told_to_whoever_asks_for_it") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let cluster = world.cluster("demo").await;
    let kube = world.kube(&cluster, &aws);
    let mut asked = service(443);
    asked["metadata"]["annotations"] = json!({format!("{ANNOTATION}ssl-cert"): "arn:aws:acm:us-east-1:1:certificate/x"});
    let (code, made) = kube.post(SERVICES, asked).await;
    assert_eq!(code, 201, "{made}");
    eventually(true, || async { reasons(&kube).await.contains(&"SyncLoadBalancerFailed".to_owned()) }).await;
    assert_eq!(count(&world, LOAD_BALANCERS).await, 0);
    let (code, _) = kube.request(Method::DELETE, &format!("{SERVICES}/web"), None).await.expect("an answer");
    assert_eq!(code, 200);
    eventually(404, || async { kube.get(&format!("{SERVICES}/web")).await.0 }).await;
    world.service.stop().await;
}
