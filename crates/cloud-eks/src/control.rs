//! Makes each Cluster record true. Promise: ACTIVE only after the endpoint answered under the certificate shown, and the
//! record outlives everything that belongs to it.

use crate::entries;
use crate::network;
use crate::plan::{Seen, Step, plan};
use crate::records::{
    ACCESS_ENTRIES, API_VERSION, CLUSTER_FINALIZER, CLUSTER_LABEL, CLUSTERS, CONTROL_PLANES, INSTANCES, NETWORK_INTERFACES,
    NODEGROUPS, SECURITY_GROUPS, SUBNETS, owner,
};
use crate::service::Config;
use aws_service::records::ensure;
use aws_service::{Arn, SharedRandom, names};
use client::{Client, DeleteOptions, Options, Resource};
use meta::time::SharedClock;
use meta::{Doc, Status};
use reconcile::{Controller, Error, Informers, Next, ObjectChange, ObjectKey, Runtime, gone_is_done, release};
use serde_json::json;
use std::sync::Arc;

/// Asks an endpoint whether it serves: GET /readyz over TLS that trusts only the given authority.
#[async_trait::async_trait]
pub trait ReadyProbe: Send + Sync + 'static {
    async fn probe(&self, endpoint: &str, certificate_authority_pem: &str) -> Result<(), String>;
}

/// Clusters that are looked at side by side; a pass mostly waits for the store or for an endpoint.
const WORKERS: usize = 4;

pub struct ClusterControl {
    client: Client,
    config: Config,
    probe: Arc<dyn ReadyProbe>,
    clock: SharedClock,
    random: SharedRandom,
}

impl ClusterControl {
    /// `client` speaks as `system:cloud:eks`.
    pub fn new(client: Client, config: Config, probe: Arc<dyn ReadyProbe>, clock: SharedClock, random: SharedRandom) -> Self {
        Self { client, config, probe, clock, random }
    }

    /// Starts the controller; it runs until the runtime stops.
    pub fn run(self, informers: &Informers, runtime: &Runtime) {
        let control = Arc::new(self);
        Controller::new("cluster", runtime)
            .watches_own(&informers.get(CLUSTERS))
            .watches_own(&informers.get(CONTROL_PLANES))
            .watches(&informers.get(NETWORK_INTERFACES), |change| belongs_to(change, "/spec/attachment/controlPlane"))
            .watches(&informers.get(NODEGROUPS), |change| belongs_to(change, "/spec/clusterName"))
            .run(WORKERS, move |key| {
                let control = Arc::clone(&control);
                async move { control.reconcile(&key.namespace, &key.name).await.map(|()| Next::OnChange) }
            });
    }

    /// One pass over the Cluster of this name, woken by its changes and by those of the ControlPlane of the same name.
    pub async fn reconcile(&self, namespace: &str, name: &str) -> Result<(), Error> {
        let Some(seen) = self.observe(namespace, name).await? else { return Ok(()) };
        for step in plan(&seen) {
            self.apply(&seen.cluster, step).await?;
        }
        Ok(())
    }

    async fn observe(&self, namespace: &str, name: &str) -> Result<Option<Seen>, Status> {
        let Some(cluster) = self.client.find(CLUSTERS, namespace, name).await? else { return Ok(None) };
        let cluster = cluster.to_doc();
        let control_plane = self.client.find(CONTROL_PLANES, namespace, name).await?.map(|record| record.to_doc());
        let group = text(&cluster["spec"]["resourcesVpcConfig"]["clusterSecurityGroupId"]);
        // A record made by hand may name no group; then there is none to make.
        let security_group = group.is_empty() || self.client.find(SECURITY_GROUPS, namespace, group).await?.is_some();
        let entries = entries::all(&self.client, &cluster).await?;
        let entries = entries.iter().map(|entry| text(&entry["metadata"]["name"]).to_owned()).collect();
        let creator_entry = self.creator_entry(&cluster).map(|entry| text(&entry["metadata"]["name"]).to_owned());
        let mut interfaces = Vec::new();
        for wanted in cluster["spec"]["networkInterfaces"].as_array().into_iter().flatten() {
            let found = self.client.find(NETWORK_INTERFACES, namespace, text(&wanted["networkInterfaceId"])).await?;
            interfaces.extend(found.map(|record| record.to_doc()));
        }
        let (nodegroups, instances) = match cluster["metadata"]["deletionTimestamp"].is_null() {
            true => Default::default(),
            false => (self.labelled(NODEGROUPS, &cluster).await?, self.labelled(INSTANCES, &cluster).await?),
        };
        Ok(Some(Seen { cluster, control_plane, security_group, entries, creator_entry, interfaces, nodegroups, instances }))
    }

    /// Names of the records that carry the cluster's label and are not being deleted yet.
    async fn labelled(&self, resource: Resource, cluster: &Doc) -> Result<Vec<String>, Status> {
        let label_selector = format!("{CLUSTER_LABEL}={}", text(&cluster["metadata"]["uid"]));
        let options = Options { label_selector, ..Options::default() };
        let listed = self.client.list(resource, text(&cluster["metadata"]["namespace"]), options).await?;
        Ok(listed.items.iter().map(|record| record.meta.name.to_string()).collect())
    }

    fn creator_entry(&self, cluster: &Doc) -> Option<Doc> {
        let wanted = cluster["spec"]["accessConfig"]["bootstrapClusterCreatorAdminPermissions"] == true;
        wanted.then(|| entries::creator(cluster, &*self.random, self.clock.now())).flatten()
    }

    async fn apply(&self, cluster: &Doc, step: Step) -> Result<(), Error> {
        let (namespace, name) = (text(&cluster["metadata"]["namespace"]), text(&cluster["metadata"]["name"]));
        match step {
            Step::CreateControlPlane => self.create(CONTROL_PLANES, namespace, control_plane(cluster, &self.config.host)).await,
            Step::CreateSecurityGroup => self.create(SECURITY_GROUPS, namespace, security_group(cluster)).await,
            Step::CreateInterface(at) => self.create_interface(cluster, at).await,
            Step::CreateCreatorEntry => match self.creator_entry(cluster) {
                Some(entry) => self.create(ACCESS_ENTRIES, namespace, entry).await,
                None => Ok(()),
            },
            Step::Activate { endpoint, certificate_authority } => {
                let answer = self.probe.probe(&endpoint, &certificate_authority).await;
                answer.map_err(|why| Error::Waiting(format!("{endpoint} is not ready: {why}")))?;
                let status = json!({
                    "phase": "ACTIVE", "endpoint": endpoint, "certificateAuthority": certificate_authority, "issues": [],
                });
                self.status(cluster, status).await
            }
            Step::Status(status) => self.status(cluster, status).await,
            Step::DeleteEntry(entry) => self.delete(ACCESS_ENTRIES, namespace, &entry).await,
            Step::DeleteInterface(interface) => self.delete(NETWORK_INTERFACES, namespace, &interface).await,
            Step::DeleteNodegroup(nodegroup) => self.delete(NODEGROUPS, namespace, &nodegroup).await,
            Step::DeleteInstance(instance) => self.delete(INSTANCES, namespace, &instance).await,
            Step::DeleteControlPlane => self.delete(CONTROL_PLANES, namespace, name).await,
            Step::DeleteSecurityGroup => {
                let group = text(&cluster["spec"]["resourcesVpcConfig"]["clusterSecurityGroupId"]);
                if group.is_empty() {
                    return Ok(());
                }
                self.delete(SECURITY_GROUPS, namespace, group).await
            }
            Step::Release => self.release(cluster).await,
        }
    }

    async fn create_interface(&self, cluster: &Doc, at: usize) -> Result<(), Error> {
        let namespace = text(&cluster["metadata"]["namespace"]);
        let subnet_id = text(&cluster["spec"]["networkInterfaces"][at]["subnetId"]);
        let subnet = self.client.find(SUBNETS, namespace, subnet_id).await?;
        let subnet = subnet.map_or_else(|| json!({"subnetId": subnet_id}), |subnet| subnet.get("/spec"));
        let doc = network::interface(cluster, at, &subnet, &self.config.host, &*self.random, self.clock.now());
        self.create(NETWORK_INTERFACES, namespace, doc).await
    }

    async fn create(&self, resource: Resource, namespace: &str, doc: Doc) -> Result<(), Error> {
        ensure(&self.client, resource, namespace, doc).await?;
        Ok(())
    }

    async fn delete(&self, resource: Resource, namespace: &str, name: &str) -> Result<(), Error> {
        gone_is_done(self.client.delete(resource, namespace, name, DeleteOptions::default()).await)
    }

    /// Writes only over the record that was looked at: a cluster made anew under this name is another one.
    async fn status(&self, cluster: &Doc, status: Doc) -> Result<(), Error> {
        let metadata = &cluster["metadata"];
        let patch = json!({
            "metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}, "status": status,
        });
        self.client.patch(CLUSTERS, text(&metadata["namespace"]), text(&metadata["name"]), "status", patch).await?;
        Ok(())
    }

    async fn release(&self, cluster: &Doc) -> Result<(), Error> {
        let metadata = &cluster["metadata"];
        let patch = release(cluster, CLUSTER_FINALIZER);
        gone_is_done(self.client.patch(CLUSTERS, text(&metadata["namespace"]), text(&metadata["name"]), "", patch).await)
    }
}

fn text(value: &Doc) -> &str {
    value.as_str().unwrap_or_default()
}

/// The Cluster that a record of another kind names: by record name for interfaces, by its own name for node groups.
fn belongs_to(change: &ObjectChange, pointer: &str) -> Option<ObjectKey> {
    let name = change.object().get(pointer);
    let name = name.as_str().filter(|name| !name.is_empty())?;
    let name = if pointer.ends_with("clusterName") { names::escape(name) } else { name.to_owned() };
    Some(ObjectKey::new(&*change.object().meta.namespace, name))
}

/// The agent takes it away once nothing of the control plane is left.
const AGENT_FINALIZER: &str = "agent.pilothouse.dev/control-plane";

/// What the agent of the host makes true.
fn control_plane(cluster: &Doc, host: &str) -> Doc {
    let (metadata, spec) = (&cluster["metadata"], &cluster["spec"]);
    json!({
        "apiVersion": API_VERSION, "kind": "ControlPlane",
        "metadata": {
            "name": metadata["name"], "labels": {CLUSTER_LABEL: metadata["uid"]}, "ownerReferences": [owner(cluster)],
            "finalizers": [AGENT_FINALIZER],
        },
        "spec": {
            "host": host, "clusterName": spec["name"], "clusterArn": spec["arn"], "clusterUid": metadata["uid"],
            "version": spec["version"], "serviceIpv4Cidr": spec["kubernetesNetworkConfig"]["serviceIpv4Cidr"],
            "oidcIssuer": spec["identity"]["oidc"]["issuer"], "authenticationMode": spec["accessConfig"]["authenticationMode"],
            "networkInterfaceIds": network::interface_ids(cluster),
        },
    })
}

const SECURITY_GROUP_DESCRIPTION: &str = "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.";

/// Members of the group may talk to each other, and to anyone outside.
fn security_group(cluster: &Doc) -> Doc {
    let (metadata, spec) = (&cluster["metadata"], &cluster["spec"]);
    let id = text(&spec["resourcesVpcConfig"]["clusterSecurityGroupId"]);
    let cluster_name = text(&spec["name"]);
    let (account, region) = spec["arn"].as_str().and_then(Arn::parse).map(|arn| (arn.account, arn.region)).unwrap_or_default();
    json!({
        "apiVersion": "ec2.pilothouse.dev/v1", "kind": "SecurityGroup",
        "metadata": {"name": id, "labels": {CLUSTER_LABEL: metadata["uid"]}},
        "spec": {
            "groupId": id, "groupName": spec["clusterSecurityGroupName"], "description": SECURITY_GROUP_DESCRIPTION,
            "vpcId": spec["resourcesVpcConfig"]["vpcId"], "ownerId": account,
            "securityGroupArn": format!("arn:aws:ec2:{region}:{account}:security-group/{id}"),
            "ipPermissions": [{
                "ipProtocol": "-1", "ipRanges": [], "ipv6Ranges": [], "prefixListIds": [],
                "userIdGroupPairs": [{"groupId": id, "userId": account}],
            }],
            "ipPermissionsEgress": [{
                "ipProtocol": "-1", "ipRanges": [{"cidrIp": "0.0.0.0/0"}], "ipv6Ranges": [], "prefixListIds": [],
                "userIdGroupPairs": [],
            }],
            "tags": {
                "Name": spec["clusterSecurityGroupName"], "aws:eks:cluster-name": cluster_name,
                format!("kubernetes.io/cluster/{cluster_name}"): "owned",
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_cluster_says_so() {
        let cluster = json!({
            "metadata": {"name": "demo", "namespace": "1-us-east-1", "uid": "u-1"},
            "spec": {
                "name": "demo", "arn": "arn:aws:eks:us-east-1:1:cluster/demo", "version": "1.36",
                "clusterSecurityGroupName": "eks-cluster-sg-demo-42",
                "resourcesVpcConfig": {"clusterSecurityGroupId": "sg-9", "vpcId": "vpc-1"},
                "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.100.0.0/16"},
            },
        });
        for doc in [control_plane(&cluster, "here"), security_group(&cluster)] {
            assert_eq!(doc["metadata"]["labels"][CLUSTER_LABEL], "u-1");
        }
        let group = security_group(&cluster);
        assert_eq!(group["spec"]["tags"]["kubernetes.io/cluster/demo"], "owned");
        assert_eq!(group["spec"]["securityGroupArn"], "arn:aws:ec2:us-east-1:1:security-group/sg-9");
        let plane = control_plane(&cluster, "here");
        assert_eq!((&plane["spec"]["host"], &plane["spec"]["clusterUid"]), (&json!("here"), &json!("u-1")));
    }
}
