//! Network load balancers by ELB's own operations, with a host that does as it is told.

use crate::world::{Aws, HOST, REGIONAL, World, code};
use client::{Options, Resource};
use cloud_ec2::NETWORK_INTERFACES;
use cloud_elbv2::{
    AGENT_FINALIZER, INSTANCES, LISTENERS, LOAD_BALANCER_FINALIZER, LOAD_BALANCERS, LOOPBACK_ADDRESSES, NAMES, TARGET_GROUPS,
};
use serde_json::{Value, json};

/// A client of one service whose calls succeed.
struct Elb(Aws);

impl Elb {
    async fn ok(&self, operation: &str, input: Value) -> Value {
        let shown = input.to_string();
        self.0.call("elbv2", operation, input).await.unwrap_or_else(|error| panic!("{operation} {shown}: {error}"))
    }

    async fn refused(&self, operation: &str, input: Value) -> String {
        code(self.0.call("elbv2", operation, input).await)
    }
}

async fn subnets(world: &World) -> (Vec<Value>, Value) {
    let found = world.admin().call("ec2", "DescribeSubnets", json!({})).await.expect("subnets");
    let list = found["Subnets"].as_array().cloned().unwrap_or_default();
    (list.iter().map(|subnet| subnet["SubnetId"].clone()).collect(), list[0]["VpcId"].clone())
}

/// The record that an ARN names: its last part.
fn record_of(arn: &Value) -> String {
    arn.as_str().and_then(|arn| arn.rsplit('/').next()).expect("an ARN").to_owned()
}

async fn count(world: &World, resource: Resource, namespace: &str) -> usize {
    world.records().list(resource, namespace, Options::default()).await.expect("a list").items.len()
}

/// What the agent of a host says of a load balancer.
async fn realise(world: &World, name: &str) {
    let held = json!({"metadata": {"finalizers": [LOAD_BALANCER_FINALIZER, AGENT_FINALIZER]}});
    world.records().patch(LOAD_BALANCERS, REGIONAL, name, "", held).await.expect("held");
    let realised = json!({"status": {"realised": true}});
    world.records().patch(LOAD_BALANCERS, REGIONAL, name, "status", realised).await.expect("realised");
}

async fn let_go(world: &World, name: &str) {
    let free = json!({"metadata": {"finalizers": [LOAD_BALANCER_FINALIZER]}});
    world.records().patch(LOAD_BALANCERS, REGIONAL, name, "", free).await.expect("let go");
}

async fn instance(world: &World, vpc: &Value) -> String {
    let id = "i-0123456789abcdef0";
    let doc = json!({"metadata": {"name": id}, "spec": {"instanceId": id, "vpcId": vpc}});
    world.records().create(INSTANCES, REGIONAL, doc).await.expect("an instance");
    id.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_balancer_lives_and_dies() {
    let world = World::start().await;
    let elb = Elb(world.admin());
    let (subnets, vpc) = subnets(&world).await;
    let input = json!({"Name": "Web", "Type": "network", "Scheme": "internal", "Subnets": &subnets[..2], "Tags": [{"Key": "team", "Value": "a"}]});
    let made = elb.ok("CreateLoadBalancer", input.clone()).await["LoadBalancers"][0].take();
    let (arn, name) = (made["LoadBalancerArn"].clone(), record_of(&made["LoadBalancerArn"]));
    assert_eq!((&made["State"]["Code"], &made["Type"]), (&json!("provisioning"), &json!("network")));
    assert_eq!(made["DNSName"], format!("Web-{name}.elb.us-east-1.amazonaws.com"));
    assert_eq!(elb.ok("CreateLoadBalancer", input).await["LoadBalancers"][0]["LoadBalancerArn"], arn, "the same request again");
    let other = json!({"Name": "Web", "Type": "network", "Subnets": &subnets[..1]});
    assert_eq!(elb.refused("CreateLoadBalancer", other).await, "DuplicateLoadBalancerName 400");

    let prepared = world.until_record(LOAD_BALANCERS, &name, |record| {
        record.is_some_and(|doc| {
            doc["spec"]["host"] == HOST && doc["status"]["addresses"].as_array().is_some_and(|all| all.len() == 2)
        })
    });
    let prepared = prepared.await.expect("a record");
    assert!(prepared["spec"]["loopback"].as_str().is_some_and(|address| address.starts_with("127.")), "{prepared}");
    assert_eq!(prepared["status"]["phase"], "provisioning", "its host has not said anything yet");
    interfaces(&world, &name).await;
    realise(&world, &name).await;
    world.until_record(LOAD_BALANCERS, &name, |record| record.is_some_and(|doc| doc["status"]["phase"] == "active")).await;
    let shown = elb.ok("DescribeLoadBalancers", json!({"Names": ["Web"]})).await["LoadBalancers"][0].take();
    assert_eq!((&shown["State"]["Code"], &shown["CanonicalHostedZoneId"]), (&json!("active"), &json!("Z26RNL4JYFTOTI")));

    let group = traffic(&world, &elb, &arn, &vpc).await;
    attributes(&elb, &arn).await;
    datagrams(&elb, &vpc).await;
    elb.ok("DeleteLoadBalancer", json!({"LoadBalancerArn": arn})).await;
    assert_eq!(elb.refused("DescribeLoadBalancers", json!({"LoadBalancerArns": [arn]})).await, "LoadBalancerNotFound 400");
    elb.ok("DeleteLoadBalancer", json!({"LoadBalancerArn": arn})).await;
    let_go(&world, &name).await;
    world.until_record(LOAD_BALANCERS, &name, |record| record.is_none()).await;
    elb.ok("DeleteTargetGroup", json!({"TargetGroupArn": group})).await;
    world.until_record(TARGET_GROUPS, &record_of(&group), |record| record.is_none()).await;
    for (resource, namespace) in [
        (NETWORK_INTERFACES, REGIONAL),
        (LISTENERS, REGIONAL),
        (TARGET_GROUPS, REGIONAL),
        (NAMES, REGIONAL),
        (LOOPBACK_ADDRESSES, "host-here"),
    ] {
        assert_eq!(count(&world, resource, namespace).await, 0, "{}", resource.plural);
    }
    world.stop().await;
}

async fn interfaces(world: &World, name: &str) {
    let filters = json!([{"Name": "description", "Values": [format!("ELB net/Web/{name}")]}]);
    let found = world.admin().call("ec2", "DescribeNetworkInterfaces", json!({"Filters": filters})).await.expect("interfaces");
    let found = found["NetworkInterfaces"].as_array().cloned().unwrap_or_default();
    assert_eq!(found.len(), 2);
    for one in &found {
        assert_eq!((&one["InterfaceType"], &one["RequesterId"]), (&json!("network_load_balancer"), &json!("amazon-elb")));
        let detach = json!({"AttachmentId": one["Attachment"]["AttachmentId"]});
        assert_eq!(code(world.admin().call("ec2", "DetachNetworkInterface", detach).await), "AuthFailure 403");
        let more = json!({"NetworkInterfaceId": one["NetworkInterfaceId"], "SecondaryPrivateIpAddressCount": 1});
        assert_eq!(code(world.admin().call("ec2", "AssignPrivateIpAddresses", more).await), "AuthFailure 403");
    }
}

/// A listener, a group and a target; answers the group's ARN.
async fn traffic(world: &World, elb: &Elb, balancer: &Value, vpc: &Value) -> Value {
    let input = json!({"Name": "web", "Protocol": "TCP", "Port": 30080, "VpcId": vpc, "HealthCheckIntervalSeconds": 10});
    let group = elb.ok("CreateTargetGroup", input.clone()).await["TargetGroups"][0].take();
    assert_eq!((&group["HealthCheckPort"], &group["TargetType"]), (&json!("traffic-port"), &json!("instance")));
    let arn = group["TargetGroupArn"].clone();
    assert_eq!(elb.ok("CreateTargetGroup", input).await["TargetGroups"][0]["TargetGroupArn"], arn);
    let id = instance(world, vpc).await;
    elb.ok("RegisterTargets", json!({"TargetGroupArn": arn, "Targets": [{"Id": id}]})).await;
    let health = async || {
        let found = elb.ok("DescribeTargetHealth", json!({"TargetGroupArn": arn})).await["TargetHealthDescriptions"].take();
        let lines = found.as_array().into_iter().flatten().map(|one| {
            format!(
                "{} {} {} {}",
                one["Target"]["Id"], one["Target"]["Port"], one["TargetHealth"]["State"], one["TargetHealth"]["Reason"]
            )
        });
        lines.collect::<Vec<_>>().join(", ").replace('"', "")
    };
    assert_eq!(health().await, format!("{id} 30080 unused Target.NotInUse"));

    let action = json!([{"Type": "forward", "TargetGroupArn": arn}]);
    let listener = json!({"LoadBalancerArn": balancer, "Protocol": "TCP", "Port": 80, "DefaultActions": action});
    let made = elb.ok("CreateListener", listener.clone()).await["Listeners"][0].take();
    assert_eq!(elb.refused("CreateListener", listener).await, "DuplicateListener 400");
    assert_eq!(elb.refused("DeleteTargetGroup", json!({"TargetGroupArn": arn})).await, "ResourceInUse 400");
    assert_eq!(health().await, format!("{id} 30080 initial Elb.RegistrationInProgress"));
    let record = record_of(&arn);
    let used = |doc: Option<&Value>| doc.is_some_and(|doc| doc["spec"]["loadBalancerArns"] == json!([balancer]));
    world.until_record(TARGET_GROUPS, &record, used).await;
    let report = json!({"status": {"targets": [{"id": id, "port": 30080, "state": "healthy"}]}});
    world.records().patch(TARGET_GROUPS, REGIONAL, &record, "status", report).await.expect("a report");
    assert_eq!(health().await, format!("{id} 30080 healthy null"));

    let moved = elb.ok("ModifyListener", json!({"ListenerArn": made["ListenerArn"], "Port": 8080})).await["Listeners"][0].take();
    assert_eq!((&moved["Port"], &moved["ListenerArn"]), (&json!(8080), &made["ListenerArn"]));
    let again = json!({"LoadBalancerArn": balancer, "Protocol": "TCP", "Port": 80, "DefaultActions": action});
    let second = elb.ok("CreateListener", again).await["Listeners"][0]["ListenerArn"].take();
    assert_ne!(second, made["ListenerArn"]);
    let listed = elb.ok("DescribeListeners", json!({"LoadBalancerArn": balancer})).await;
    assert_eq!(listed["Listeners"].as_array().map(Vec::len), Some(2));
    elb.ok("DeleteListener", json!({"ListenerArn": second})).await;
    assert_eq!(elb.refused("DescribeListeners", json!({"ListenerArns": [second]})).await, "ListenerNotFound 400");
    let groups = elb.ok("DescribeTargetGroups", json!({"LoadBalancerArn": balancer})).await;
    assert_eq!(groups["TargetGroups"][0]["LoadBalancerArns"], json!([balancer]));
    elb.ok("DeregisterTargets", json!({"TargetGroupArn": arn, "Targets": [{"Id": id}]})).await;
    assert_eq!(health().await, "");
    arn
}

async fn attributes(elb: &Elb, arn: &Value) {
    let set =
        |value: &str| json!({"LoadBalancerArn": arn, "Attributes": [{"Key": "deletion_protection.enabled", "Value": value}]});
    elb.ok("ModifyLoadBalancerAttributes", set("true")).await;
    assert_eq!(elb.refused("DeleteLoadBalancer", json!({"LoadBalancerArn": arn})).await, "OperationNotPermitted 400");
    elb.ok("ModifyLoadBalancerAttributes", set("false")).await;
    let shown = elb.ok("DescribeLoadBalancerAttributes", json!({"LoadBalancerArn": arn})).await;
    let expected = json!({"Key": "load_balancing.cross_zone.enabled", "Value": "false"});
    assert!(shown["Attributes"].as_array().is_some_and(|all| all.contains(&expected)), "{shown}");
    elb.ok("AddTags", json!({"ResourceArns": [arn], "Tags": [{"Key": "stage", "Value": "x"}]})).await;
    elb.ok("RemoveTags", json!({"ResourceArns": [arn], "TagKeys": ["team"]})).await;
    let tags = elb.ok("DescribeTags", json!({"ResourceArns": [arn]})).await["TagDescriptions"][0]["Tags"].take();
    assert_eq!(tags, json!([{"Key": "stage", "Value": "x"}]));
}

/// Target groups of datagrams keep their clients' addresses, end their flows, and are checked by TCP.
async fn datagrams(elb: &Elb, vpc: &Value) {
    for (protocol, keeps, ends, hide) in
        [("TCP", "false", "false", None), ("UDP", "true", "true", Some(())), ("TCP_UDP", "true", "true", Some(()))]
    {
        let name = protocol.replace('_', "-");
        let input = json!({"Name": name, "Protocol": protocol, "Port": 53, "VpcId": vpc, "TargetType": "ip"});
        let group = elb.ok("CreateTargetGroup", input.clone()).await["TargetGroups"][0].take();
        assert_eq!(group["HealthCheckProtocol"], "TCP", "{protocol}");
        let arn = &group["TargetGroupArn"];
        let shown = elb.ok("DescribeTargetGroupAttributes", json!({"TargetGroupArn": arn})).await;
        for (key, value) in [("preserve_client_ip.enabled", keeps), ("deregistration_delay.connection_termination.enabled", ends)]
        {
            let expected = json!({"Key": key, "Value": value});
            assert!(shown["Attributes"].as_array().is_some_and(|all| all.contains(&expected)), "{protocol}: {shown}");
        }
        let hides = json!([{"Key": "preserve_client_ip.enabled", "Value": "false"}]);
        let input = json!({"TargetGroupArn": arn, "Attributes": hides});
        match hide {
            None => drop(elb.ok("ModifyTargetGroupAttributes", input).await),
            Some(()) => {
                assert_eq!(elb.refused("ModifyTargetGroupAttributes", input).await, "InvalidConfigurationRequest 400");
            }
        }
        elb.ok("DeleteTargetGroup", json!({"TargetGroupArn": arn})).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused() {
    let world = World::start().await;
    let elb = Elb(world.admin());
    let (subnets, vpc) = subnets(&world).await;
    let network = |extra: Value| {
        let mut input = json!({"Name": "web", "Type": "network", "Subnets": [subnets[0]]});
        input.as_object_mut().expect("an object").extend(extra.as_object().cloned().unwrap_or_default());
        input
    };
    let group = |extra: Value| {
        let mut input = json!({"Name": "web", "Protocol": "TCP", "Port": 80, "VpcId": vpc});
        input.as_object_mut().expect("an object").extend(extra.as_object().cloned().unwrap_or_default());
        input
    };
    let nobody = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/web/0123456789abcdef";
    let no_group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef";
    for (operation, input, expected) in [
        ("CreateLoadBalancer", json!({"Name": "web", "Subnets": [subnets[0]]}), "OperationNotPermitted 400"),
        ("CreateLoadBalancer", network(json!({"Type": "gateway"})), "OperationNotPermitted 400"),
        ("CreateLoadBalancer", network(json!({"Name": "-web"})), "ValidationError 400"),
        ("CreateLoadBalancer", network(json!({"Subnets": []})), "ValidationError 400"),
        ("CreateLoadBalancer", network(json!({"Subnets": ["subnet-0123456789abcdef0"]})), "SubnetNotFound 400"),
        ("CreateLoadBalancer", network(json!({"Subnets": [subnets[0], subnets[0]]})), "InvalidConfigurationRequest 400"),
        ("CreateLoadBalancer", network(json!({"SecurityGroups": ["sg-0123456789abcdef0"]})), "InvalidSecurityGroup 400"),
        ("CreateLoadBalancer", network(json!({"Tags": [{"Key": "aws:x", "Value": "y"}]})), "ValidationError 400"),
        ("CreateTargetGroup", group(json!({"Protocol": "HTTP"})), "OperationNotPermitted 400"),
        ("CreateTargetGroup", group(json!({"TargetType": "lambda"})), "OperationNotPermitted 400"),
        ("CreateTargetGroup", group(json!({"VpcId": "vpc-0123456789abcdef0"})), "InvalidConfigurationRequest 400"),
        ("CreateTargetGroup", group(json!({"HealthCheckPort": "http"})), "ValidationError 400"),
        ("CreateTargetGroup", group(json!({"Protocol": "UDP", "HealthCheckProtocol": "UDP"})), "InvalidConfigurationRequest 400"),
        ("DescribeLoadBalancers", json!({"Names": ["nobody"]}), "LoadBalancerNotFound 400"),
        ("DescribeLoadBalancers", json!({"LoadBalancerArns": [nobody]}), "LoadBalancerNotFound 400"),
        ("DescribeListeners", json!({}), "ValidationError 400"),
        ("DescribeListeners", json!({"LoadBalancerArn": nobody}), "LoadBalancerNotFound 400"),
        ("DescribeTargetGroups", json!({"Names": ["nobody"]}), "TargetGroupNotFound 400"),
        ("DescribeTargetHealth", json!({"TargetGroupArn": no_group}), "TargetGroupNotFound 400"),
        ("DescribeTargetHealth", json!({"TargetGroupArn": "x"}), "ValidationError 400"),
        ("RegisterTargets", json!({"TargetGroupArn": no_group, "Targets": [{"Id": "i-1"}]}), "TargetGroupNotFound 400"),
        ("DescribeTags", json!({"ResourceArns": [nobody]}), "LoadBalancerNotFound 400"),
    ] {
        assert_eq!(elb.refused(operation, input.clone()).await, expected, "{operation} {input}");
    }
    let made = elb.ok("CreateTargetGroup", group(json!({}))).await["TargetGroups"][0]["TargetGroupArn"].take();
    let by_address = group(json!({"Name": "addresses", "TargetType": "ip"}));
    let addresses = elb.ok("CreateTargetGroup", by_address).await["TargetGroups"][0]["TargetGroupArn"].take();
    for (group, id) in [(&made, "i-0123456789abcdef9"), (&made, "172.31.0.9"), (&addresses, "8.8.8.8"), (&addresses, "i-1")] {
        let input = json!({"TargetGroupArn": group, "Targets": [{"Id": id}]});
        assert_eq!(elb.refused("RegisterTargets", input).await, "InvalidTarget 400", "{id}");
    }
    world.stop().await;
}
