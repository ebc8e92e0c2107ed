//! The kinds this service stores, in the namespace of account and region, and those of other services that it touches.

use api::{RecordKind, ResourceDef};
use aws_service::records::property::{any, flag, list, map, number, text, texts};
use aws_service::records::schema;
use client::Resource;
use serde_json::json;

pub const API_VERSION: &str = "elbv2.pilothouse.dev/v1";
const GROUP: &str = "elbv2.pilothouse.dev";

/// Named by the sixteen hex digits at the end of its ARN; made true by the agent of `spec.host`.
pub const LOAD_BALANCERS: Resource = Resource::new(GROUP, "v1", "loadbalancers");
/// Named `<load balancer's id>.<listener's id>`.
pub const LISTENERS: Resource = Resource::new(GROUP, "v1", "listeners");
/// Named by the sixteen hex digits at the end of its ARN.
pub const TARGET_GROUPS: Resource = Resource::new(GROUP, "v1", "targetgroups");
/// Named by the address: creating one is taking it, deleting it is giving it back.
pub const LOOPBACK_ADDRESSES: Resource = Resource::new(GROUP, "v1", "loopbackaddresses");
/// Named `lb.<escaped name>`, `tg.<escaped name>` or `port.<load balancer's id>.<port>`: who has what only one may have.
pub const NAMES: Resource = Resource::new(GROUP, "v1", "names");

pub const SUBNETS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "subnets");
pub const VPCS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "vpcs");
pub const SECURITY_GROUPS: Resource = Resource::new("ec2.pilothouse.dev", "v1", "securitygroups");
pub const NETWORK_INTERFACES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "networkinterfaces");
pub const INSTANCES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "instances");

/// On Listener: its load balancer's record, so that they can be listed.
pub const LOAD_BALANCER_LABEL: &str = "elbv2.pilothouse.dev/load-balancer";
/// On LoadBalancer and TargetGroup: the Service that they are made for, as a digest.
pub const STACK_LABEL: &str = "elbv2.pilothouse.dev/stack";
/// Keeps a LoadBalancer until its interfaces, listeners and loopback address are gone; every creator sets it.
pub const LOAD_BALANCER_FINALIZER: &str = "elbv2.pilothouse.dev/load-balancer";
/// Keeps a LoadBalancer until nothing of it is left on its host. The agent sets it before it makes anything, and takes it
/// away.
pub const AGENT_FINALIZER: &str = "agent.pilothouse.dev/load-balancer";

pub fn records() -> Vec<RecordKind> {
    vec![load_balancer(), listener(), target_group(), loopback_address(), name()]
}

/// `availabilityZones` is a list of `{zoneName, subnetId, networkInterfaceId}`. Of the status, `realised` is written by the
/// agent, the rest by this service; `addresses` is a list of `{zoneName, privateIpAddress}`.
fn load_balancer() -> RecordKind {
    let spec = json!({
        "arn": text(), "name": text(), "dnsName": text(), "type": text(), "scheme": text(), "vpcId": text(), "subnets": texts(),
        "availabilityZones": list(), "securityGroups": texts(), "ipAddressType": text(), "attributes": map(), "tags": map(),
        "createdTime": text(), "host": text(), "loopback": text(),
    });
    let status = json!({"phase": text(), "message": text(), "realised": flag(), "addresses": list()});
    let def = ResourceDef::record(API_VERSION, "LoadBalancer", "loadbalancers")
        .status()
        .category("elbv2")
        .column("Load Balancer", "/spec/name")
        .column("Vpc", "/spec/vpcId")
        .column("State", "/status/phase")
        .column("Hostname", "/spec/dnsName");
    RecordKind { def, schema: schema(spec, status) }
}

/// `loadBalancer` is the record's name; `defaultActions` is one `{type: forward, targetGroupArn}`.
fn listener() -> RecordKind {
    let spec = json!({
        "arn": text(), "loadBalancer": text(), "loadBalancerArn": text(), "protocol": text(), "port": number(),
        "defaultActions": list(), "tags": map(), "attributes": map(),
    });
    let def = ResourceDef::record(API_VERSION, "Listener", "listeners")
        .category("elbv2")
        .column("Load Balancer", "/spec/loadBalancer")
        .column("Protocol", "/spec/protocol")
        .column("Port", "/spec/port");
    RecordKind { def, schema: schema(spec, meta::Doc::Null) }
}

/// `targets` is a list of `{id, port, availabilityZone}`. `loadBalancerArns` follows the listeners that forward to it. The
/// status is the agent's: `targets`, a list of `{id, port, address, state, reason, description}`.
fn target_group() -> RecordKind {
    let spec = json!({
        "arn": text(), "name": text(), "protocol": text(), "port": number(), "vpcId": text(), "targetType": text(),
        "ipAddressType": text(), "healthCheck": any(), "attributes": map(), "tags": map(), "targets": list(),
        "loadBalancerArns": texts(), "host": text(),
    });
    let status = json!({"targets": list()});
    let def = ResourceDef::record(API_VERSION, "TargetGroup", "targetgroups")
        .status()
        .category("elbv2")
        .column("Target Group", "/spec/name")
        .column("Type", "/spec/targetType")
        .column("Protocol", "/spec/protocol")
        .column("Port", "/spec/port");
    RecordKind { def, schema: schema(spec, status) }
}

fn loopback_address() -> RecordKind {
    let def = ResourceDef::record(API_VERSION, "LoopbackAddress", "loopbackaddresses")
        .category("elbv2")
        .column("Owner", "/spec/loadBalancer");
    RecordKind { def, schema: schema(json!({"loadBalancer": text()}), meta::Doc::Null) }
}

fn name() -> RecordKind {
    let def = ResourceDef::record(API_VERSION, "Name", "names").category("elbv2").column("Id", "/spec/id");
    RecordKind { def, schema: schema(json!({"id": text()}), meta::Doc::Null) }
}
