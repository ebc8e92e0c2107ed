//! Finding the records that operations on instances and interfaces are about.

use crate::describe::{Kind, check_id, not_found};
use crate::instances::describe as instances;
use crate::interfaces::describe::{self as interfaces, GroupNames};
use crate::records::{INSTANCE_LABEL, INSTANCES, NETWORK_INTERFACES, SECURITY_GROUPS, SUBNETS};
use crate::service::Cx;
use aws_service::{Arn, Failure, Request};
use aws_wire::AwsError;
use client::{Options, Resource};
use meta::Doc;

/// For policies: this resource of the caller's, `*` for any.
pub fn arn(request: &Request, kind: &str, id: Option<&str>) -> String {
    Arn::regional("ec2", &request.region, request.account(), format!("{kind}/{}", id.unwrap_or("*"))).to_string()
}

/// For policies: the interface that a request names.
pub fn interface_arn(request: &Request) -> Vec<String> {
    vec![arn(request, "network-interface", request.text("NetworkInterfaceId"))]
}

pub async fn group_names(cx: &Cx, request: &Request) -> Result<GroupNames, Failure> {
    let listed = cx.client.list(SECURITY_GROUPS, &request.namespace(), Options::default()).await?;
    let name = |group: &Doc| group["groupName"].as_str().unwrap_or_default().to_owned();
    Ok(listed.items.iter().map(|group| (group.meta.name.to_string(), name(&group.get("/spec")))).collect())
}

/// The record of this id, or EC2's error.
async fn find(cx: &Cx, request: &Request, kind: &Kind, id: &str) -> Result<Doc, Failure> {
    check_id(id, kind)?;
    let found = cx.client.find(kind.resource, &request.namespace(), id).await?.map(|record| record.to_doc());
    found.ok_or_else(|| not_found(id, kind).into())
}

/// An interface that is not being deleted.
pub async fn interface(cx: &Cx, request: &Request, id: &str) -> Result<Doc, Failure> {
    let found = find(cx, request, &interfaces::KIND, id).await?;
    match found["metadata"]["deletionTimestamp"].is_null() {
        true => Ok(found),
        false => Err(not_found(id, &interfaces::KIND).into()),
    }
}

/// Interfaces that AWS's services made for themselves are theirs: nobody else detaches or changes them.
pub fn check_own(interface: &Doc) -> Result<(), AwsError> {
    match interface["spec"]["requesterManaged"] == true {
        true => Err(AwsError::new("AuthFailure", "You do not have permission to access the specified resource.").with_status(403)),
        false => Ok(()),
    }
}

pub async fn instance(cx: &Cx, request: &Request, id: &str) -> Result<Doc, Failure> {
    find(cx, request, &instances::KIND, id).await
}

/// A subnet's specification.
pub async fn subnet(cx: &Cx, request: &Request, id: &str) -> Result<Doc, Failure> {
    let mut found = find(cx, request, &crate::operations::describe_subnets::KIND, id).await?;
    Ok(found["spec"].take())
}

pub async fn interfaces_of(cx: &Cx, request: &Request, instance: &str) -> Result<Vec<Doc>, Failure> {
    let label_selector = format!("{INSTANCE_LABEL}={instance}");
    let options = Options { label_selector, ..Options::default() };
    let listed = cx.client.list(NETWORK_INTERFACES, &request.namespace(), options).await?;
    let present = listed.items.iter().map(|record| record.to_doc());
    Ok(present.filter(|interface| interface["metadata"]["deletionTimestamp"].is_null()).collect())
}

pub async fn all(cx: &Cx, request: &Request, resource: Resource) -> Result<Vec<Doc>, Failure> {
    let listed = cx.client.list(resource, &request.namespace(), Options::default()).await?;
    Ok(listed.items.iter().map(|record| record.to_doc()).collect())
}

/// Every instance as EC2 describes it.
pub async fn described_instances(cx: &Cx, request: &Request) -> Result<Vec<Doc>, Failure> {
    let names = group_names(cx, request).await?;
    let mut attached: std::collections::BTreeMap<String, Vec<Doc>> = Default::default();
    for interface in all(cx, request, NETWORK_INTERFACES).await? {
        if let Some(instance) = interface["spec"]["attachment"]["instanceId"].as_str() {
            attached.entry(instance.to_owned()).or_default().push(interface);
        }
    }
    let instances = all(cx, request, INSTANCES).await?;
    let interfaces = |record: &Doc| attached.get(record["metadata"]["name"].as_str().unwrap_or_default());
    Ok(instances
        .iter()
        .map(|record| instances::instance(record, interfaces(record).map_or(&[], Vec::as_slice), &names))
        .collect())
}

/// `TagSpecifications` of one kind of resource, as a map.
pub fn tags(request: &Request, resource_type: &str) -> Doc {
    let listed = request.input["TagSpecifications"].as_array().into_iter().flatten();
    let own = listed.filter(|specification| specification["ResourceType"] == resource_type);
    let pairs = own.flat_map(|specification| specification["Tags"].as_array().into_iter().flatten());
    pairs
        .map(|pair| (pair["Key"].as_str().unwrap_or_default().to_owned(), pair["Value"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Kinds of records by the prefix of their ids, and what EC2 calls them.
pub const TAGGED: [(&str, &str, Resource); 7] = [
    ("vpc-", "vpc", crate::records::VPCS),
    ("subnet-", "subnet", SUBNETS),
    ("sg-", "security-group", SECURITY_GROUPS),
    ("rtb-", "route-table", crate::records::ROUTE_TABLES),
    ("acl-", "network-acl", crate::records::NETWORK_ACLS),
    ("eni-", "network-interface", NETWORK_INTERFACES),
    ("i-", "instance", INSTANCES),
];
