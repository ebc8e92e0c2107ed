//! Makes each Nodegroup record true: instances in the management plane, nodes in the cluster's own API.

use super::drain::{NODES, drain};
use super::find::{self, in_progress, labelled};
use super::instance::Launch;
use super::node::Nodes;
use super::plan::{DRAIN_SECONDS, Seen, Step, plan};
use super::{DRAINING_ANNOTATION, NODEGROUP_ANNOTATION, name, node, text};
use crate::entries;
use crate::records::{
    ACCESS_ENTRIES, CLUSTER_LABEL, CLUSTERS, CONTROL_PLANES, INSTANCE_PROFILES, INSTANCES, NETWORK_INTERFACES,
    NODEGROUP_FINALIZER, NODEGROUP_LABEL, NODEGROUPS, SUBNETS, UPDATES,
};
use crate::service::Config;
use crate::states::ClusterStatus;
use crate::validate::access::{EntryType, PrincipalArn, identity};
use aws_service::records::ensure;
use aws_service::{Arn, SharedRandom, ids, names};
use client::{Client, DeleteOptions, Resource};
use meta::time::SharedClock;
use meta::{Doc, Object, Reason, Status, Time};
use reconcile::{Controller, Error, Informer, Informers, Next, ObjectChange, ObjectKey, Runtime, gone_is_done, release};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// What a cluster's own API shows to `eks:node-manager`.
pub struct NodeView {
    pub client: Client,
    pub nodes: Arc<Informer>,
}

impl NodeView {
    /// The nodes that these instances may have become.
    fn nodes_of(&self, instances: &[Doc]) -> Nodes {
        let nodes = instances.iter().filter_map(node::name_of).filter_map(|name| self.nodes.get("", name));
        nodes.map(|node| (node.meta.name.to_string(), node::of_object(&node))).collect()
    }
}

/// Hears with the uid of a cluster, and with the name of the node group that is concerned if that is known.
pub type Hear = Arc<dyn Fn(&str, Option<&str>) + Send + Sync>;

/// The clusters' own APIs.
#[async_trait::async_trait]
pub trait ClusterNodes: Send + Sync + 'static {
    /// `None` while this control plane cannot be asked. From the first look on, its changes are told of.
    async fn look(&self, control_plane_uid: &str) -> Option<NodeView>;
    /// Calls `hear` whenever a cluster's nodes have changed in what matters to their group, and when its control plane has
    /// started.
    fn subscribe(&self, hear: Hear);
}

/// Node groups that are looked at side by side; a pass mostly waits for the store, or rests.
const WORKERS: usize = 16;
/// A pass takes longer the more instances there are, and the more there are the more often something changes. Resting in
/// proportion keeps a group that starts by the hundreds from being looked at all the time.
const REST_PER_INSTANCE: Duration = Duration::from_millis(2);
const LONGEST_REST: Duration = Duration::from_secs(1);
/// Node groups by the uid of their cluster.
const BY_CLUSTER: &str = "eks-cluster";
/// Between two looks at pods that are leaving: nobody tells of pods.
const DRAIN_PAUSE_SECONDS: u64 = 10;

pub struct NodegroupControl {
    client: Client,
    config: Config,
    nodes: Arc<dyn ClusterNodes>,
    clock: SharedClock,
    random: SharedRandom,
}

impl NodegroupControl {
    /// `client` speaks as `system:cloud:eks`.
    pub fn new(client: Client, config: Config, nodes: Arc<dyn ClusterNodes>, clock: SharedClock, random: SharedRandom) -> Self {
        Self { client, config, nodes, clock, random }
    }

    /// Starts the controller; it runs until the runtime stops.
    pub fn run(self, informers: &Informers, runtime: &Runtime) {
        let control = Arc::new(self);
        let groups = informers.get(NODEGROUPS);
        groups.add_index(BY_CLUSTER, |group| group.meta.labels.get(CLUSTER_LABEL).map(str::to_owned).into_iter().collect());
        let of_cluster = Arc::clone(&groups);
        let controller = Controller::new("nodegroup", runtime)
            .watches_own(&groups)
            .watches(&informers.get(INSTANCES), owner_of)
            .watches(&informers.get(CLUSTERS), move |change| in_cluster(&of_cluster, &change.object().meta.uid));
        let queue = Arc::downgrade(controller.queue());
        control.nodes.subscribe(Arc::new(move |cluster_uid, group| {
            let Some(queue) = queue.upgrade() else { return };
            let all = groups.indexed(BY_CLUSTER, cluster_uid);
            let own = |record: &&Arc<Object>| group.is_none_or(|group| record.get("/spec/nodegroupName") == group);
            all.iter().filter(own).for_each(|record| queue.add(ObjectKey::of(record)));
        }));
        controller.run(WORKERS, move |key| {
            let control = Arc::clone(&control);
            async move { control.reconcile(&key.namespace, &key.name).await }
        });
    }

    /// One pass over the node group of this record name.
    pub async fn reconcile(&self, namespace: &str, name: &str) -> Result<Next, Error> {
        let Some(group) = self.client.find(NODEGROUPS, namespace, name).await? else { return Ok(Next::OnChange) };
        let (seen, view) = self.observe(group.to_doc()).await?;
        let mut wait: Option<u64> = None;
        for step in plan(&seen) {
            if let Some(seconds) = self.apply(&seen, view.as_ref(), step).await? {
                wait = Some(wait.map_or(seconds, |known| known.min(seconds)));
            }
        }
        let instances = u32::try_from(seen.instances.len()).unwrap_or(u32::MAX);
        // What changes meanwhile is looked at afterwards, all at once.
        tokio::time::sleep(REST_PER_INSTANCE.saturating_mul(instances).min(LONGEST_REST)).await;
        Ok(wait.map_or(Next::OnChange, |seconds| Next::After(Duration::from_secs(seconds))))
    }

    async fn observe(&self, nodegroup: Doc) -> Result<(Seen, Option<NodeView>), Status> {
        let namespace = text(&nodegroup, "/metadata/namespace").to_owned();
        let cluster = self.cluster_of(&nodegroup, &namespace).await?;
        let view = self.view(cluster.as_ref(), &namespace).await?;
        let mut subnets = Vec::new();
        for id in nodegroup["spec"]["subnets"].as_array().into_iter().flatten().filter_map(Doc::as_str) {
            subnets.extend(self.client.find(SUBNETS, &namespace, id).await?.map(|subnet| subnet.get("/spec")));
        }
        let account = account(&nodegroup);
        let profile = names::escape(text(&nodegroup, "/spec/instanceProfile/name"));
        let profile = self.client.find(INSTANCE_PROFILES, &account, &profile).await?.is_some();
        let entry = match &cluster {
            Some(cluster) => {
                let entry = entries::record_name(cluster, text(&nodegroup, "/spec/nodeRole"));
                self.client.find(ACCESS_ENTRIES, &namespace, &entry).await?.is_some()
            }
            None => false,
        };
        let groups = labelled(&self.client, NODEGROUPS, &fake_owner(&nodegroup), CLUSTER_LABEL).await?;
        let other = |group: &Doc| {
            group["metadata"]["uid"] != nodegroup["metadata"]["uid"] && group["spec"]["nodeRole"] == nodegroup["spec"]["nodeRole"]
        };
        let updates = find::updates(&self.client, &nodegroup).await?;
        let unmade = find::unmade(&nodegroup, &updates);
        let instances = labelled(&self.client, INSTANCES, &nodegroup, NODEGROUP_LABEL).await?;
        let seen = Seen {
            cluster: cluster.filter(|cluster| ClusterStatus::of(cluster) != ClusterStatus::Deleting),
            subnets,
            nodes: view.as_ref().map(|view| view.nodes_of(&instances)),
            instances,
            updates: updates.iter().filter(|one| in_progress(one)).chain(&unmade).map(|one| name(one).to_owned()).collect(),
            unmade,
            profile,
            entry,
            role_shared: groups.iter().any(other),
            now: self.clock.now(),
            nodegroup,
        };
        Ok((seen, view))
    }

    /// The very cluster that the group was made for.
    async fn cluster_of(&self, nodegroup: &Doc, namespace: &str) -> Result<Option<Doc>, Status> {
        let cluster_name = names::escape(text(nodegroup, "/spec/clusterName"));
        let found = self.client.find(CLUSTERS, namespace, &cluster_name).await?.map(|cluster| cluster.to_doc());
        Ok(found.filter(|cluster| cluster["metadata"]["uid"] == nodegroup["metadata"]["labels"][CLUSTER_LABEL]))
    }

    async fn view(&self, cluster: Option<&Doc>, namespace: &str) -> Result<Option<NodeView>, Status> {
        let Some(cluster) = cluster else { return Ok(None) };
        match self.client.find(CONTROL_PLANES, namespace, name(cluster)).await? {
            Some(plane) => Ok(self.nodes.look(&plane.meta.uid).await),
            None => Ok(None),
        }
    }

    /// Seconds after which to look again, if so.
    async fn apply(&self, seen: &Seen, view: Option<&NodeView>, step: Step) -> Result<Option<u64>, Error> {
        let group = &seen.nodegroup;
        let namespace = text(group, "/metadata/namespace");
        match step {
            Step::Wait(seconds) => return Ok(Some(seconds)),
            Step::Retire(instance) => return self.retire(seen, view, &instance).await,
            Step::CreateProfile => {
                ensure(&self.client, INSTANCE_PROFILES, &account(group), profile(group)).await?;
            }
            Step::CreateEntry => self.create_entry(seen, namespace).await?,
            Step::Launch { subnet_id } => self.launch(seen, &subnet_id).await?,
            Step::Terminate(instance) => self.terminate(namespace, &instance).await?,
            Step::DeleteNode(node) => {
                if let Some(view) = view {
                    gone_is_done::<_, Error>(view.client.delete(NODES, "", &node, DeleteOptions::default()).await)?;
                }
            }
            Step::PatchNode { name, patch } => {
                if let Some(view) = view {
                    gone_is_done::<_, Error>(view.client.patch(NODES, "", &name, "", patch).await)?;
                }
            }
            Step::Status(status) => self.status(group, status).await?,
            Step::CreateUpdate(update) => {
                ensure(&self.client, UPDATES, namespace, update).await?;
            }
            Step::FinishUpdate { name, errors } => {
                let phase = if errors.is_empty() { "Successful" } else { "Failed" };
                let patch = json!({"status": {"phase": phase, "errors": errors}});
                gone_is_done::<_, Error>(self.client.patch(UPDATES, namespace, &name, "status", patch).await)?;
            }
            Step::DeleteEntry => {
                if let Some(cluster) = self.cluster_of(group, namespace).await? {
                    let entry = entries::record_name(&cluster, text(group, "/spec/nodeRole"));
                    self.delete(ACCESS_ENTRIES, namespace, &entry).await?;
                }
            }
            Step::DeleteProfile => {
                let profile = names::escape(text(group, "/spec/instanceProfile/name"));
                self.delete(INSTANCE_PROFILES, &account(group), &profile).await?;
            }
            Step::Delete => self.delete(NODEGROUPS, namespace, name(group)).await?,
            Step::Release => self.release(group).await?,
        }
        Ok(None)
    }

    async fn create_entry(&self, seen: &Seen, namespace: &str) -> Result<(), Error> {
        let Some(cluster) = &seen.cluster else { return Ok(()) };
        let waiting = |why: String| Error::Waiting(why);
        let principal = PrincipalArn::parse(text(&seen.nodegroup, "/spec/nodeRole")).map_err(waiting)?;
        let identity = identity(&principal, EntryType::Ec2Linux, &Doc::Null).map_err(waiting)?;
        let entry = entries::record(cluster, &principal, EntryType::Ec2Linux, identity, &ids::uuid(&*self.random), seen.now);
        ensure(&self.client, ACCESS_ENTRIES, namespace, entry).await?;
        Ok(())
    }

    /// By the private address of the control plane: an instance has no other way to it.
    async fn launch(&self, seen: &Seen, subnet_id: &str) -> Result<(), Error> {
        let group = &seen.nodegroup;
        let namespace = text(group, "/metadata/namespace");
        let Some(cluster) = &seen.cluster else { return Ok(()) };
        let Some(subnet) = seen.subnets.iter().find(|subnet| subnet["subnetId"] == subnet_id) else { return Ok(()) };
        let first = text(cluster, "/spec/networkInterfaces/0/networkInterfaceId");
        let interface = match first {
            "" => None,
            id => self.client.find(NETWORK_INTERFACES, namespace, id).await?.map(|interface| interface.to_doc()),
        };
        let address = interface.as_ref().map_or("", |interface| text(interface, "/status/privateIpAddresses/0/privateIpAddress"));
        if address.is_empty() {
            return Err(Error::Waiting("the control plane has no address in its VPC".into()));
        }
        let launch = Launch { nodegroup: group, cluster, subnet, control_plane: address, host: &self.config.host, now: seen.now };
        self.client.create(INSTANCES, namespace, launch.record(&*self.random)).await?;
        Ok(())
    }

    /// Pods first, for as long as they have; then the instance.
    async fn retire(&self, seen: &Seen, view: Option<&NodeView>, instance: &str) -> Result<Option<u64>, Error> {
        let namespace = text(&seen.nodegroup, "/metadata/namespace");
        let Some(record) = seen.instances.iter().find(|record| name(record) == instance) else { return Ok(None) };
        let since = super::annotation(record, DRAINING_ANNOTATION).and_then(Time::parse);
        if since.is_none() {
            let patch = json!({"metadata": {"annotations": {DRAINING_ANNOTATION: seen.now.to_string()}}});
            gone_is_done::<_, Error>(self.client.patch(INSTANCES, namespace, instance, "", patch).await)?;
        }
        let patient = seen.now.seconds_since(since.unwrap_or(seen.now)) < DRAIN_SECONDS;
        let found = seen.nodes.as_ref().and_then(|nodes| node::of(nodes, record));
        if let (Some(view), Some(found), true) = (view, found, patient) {
            match drain(&view.client, found).await {
                Ok(true) => {}
                Ok(false) => return Ok(Some(DRAIN_PAUSE_SECONDS)),
                // A cluster on its way out keeps nobody's instance.
                Err(status) if status.reason == Reason::ServiceUnavailable => return Ok(Some(DRAIN_PAUSE_SECONDS)),
                Err(status) => return Err(status.into()),
            }
        }
        self.terminate(namespace, instance).await?;
        Ok(None)
    }

    async fn terminate(&self, namespace: &str, instance: &str) -> Result<(), Error> {
        let reason =
            json!({"code": "Client.UserInitiatedShutdown", "message": "Client.UserInitiatedShutdown: User initiated shutdown"});
        let patch = json!({"spec": {"terminate": true, "terminateReason": reason}});
        gone_is_done(self.client.patch(INSTANCES, namespace, instance, "", patch).await)
    }

    /// Writes only over the record that was looked at.
    async fn status(&self, group: &Doc, status: Doc) -> Result<(), Error> {
        let metadata = &group["metadata"];
        let patch = json!({
            "metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}, "status": status,
        });
        let namespace = text(group, "/metadata/namespace");
        gone_is_done(self.client.patch(NODEGROUPS, namespace, name(group), "status", patch).await)
    }

    async fn delete(&self, resource: Resource, namespace: &str, name: &str) -> Result<(), Error> {
        gone_is_done(self.client.delete(resource, namespace, name, DeleteOptions::default()).await)
    }

    async fn release(&self, group: &Doc) -> Result<(), Error> {
        let patch = release(group, NODEGROUP_FINALIZER);
        gone_is_done(self.client.patch(NODEGROUPS, text(group, "/metadata/namespace"), name(group), "", patch).await)
    }
}

/// Stands for the cluster of a group, also when its record is gone: what carries its label is found by its uid.
fn fake_owner(nodegroup: &Doc) -> Doc {
    json!({"metadata": {
        "uid": nodegroup["metadata"]["labels"][CLUSTER_LABEL], "namespace": nodegroup["metadata"]["namespace"],
    }})
}

fn account(nodegroup: &Doc) -> String {
    Arn::parse(text(nodegroup, "/spec/nodegroupArn")).map(|arn| arn.account).unwrap_or_default()
}

/// As EKS makes one for each group, under the same name as its Auto Scaling group has at the end.
fn profile(nodegroup: &Doc) -> Doc {
    let profile = &nodegroup["spec"]["instanceProfile"];
    let profile_name = text(profile, "/name");
    let role = Arn::parse(text(nodegroup, "/spec/nodeRole")).map(|arn| arn.name().to_owned()).unwrap_or_default();
    json!({
        "apiVersion": "iam.pilothouse.dev/v1", "kind": "InstanceProfile", "metadata": {"name": names::escape(profile_name)},
        "spec": {
            "instanceProfileName": profile_name, "path": "/", "instanceProfileId": profile["id"], "arn": profile["arn"],
            "roles": [role], "tags": {},
        },
    })
}

fn in_cluster(groups: &Informer, cluster_uid: &str) -> Vec<ObjectKey> {
    groups.indexed(BY_CLUSTER, cluster_uid).iter().map(|group| ObjectKey::of(group)).collect()
}

/// The group that an instance belongs to.
fn owner_of(change: &ObjectChange) -> Option<ObjectKey> {
    let record = change.object();
    let group = record.get("/metadata/annotations")[NODEGROUP_ANNOTATION].as_str()?.to_owned();
    Some(ObjectKey::new(&*record.meta.namespace, group))
}
