//! What instances of this host need of the cloud's services: credentials of their roles, hardware of their types, and who
//! they are when they come to a cluster.

use crate::state_dir::{ServiceInfo, StateDir};
use agent::imds::{Credentials, InstanceCredentials};
use agent::instances::Machine;
use agent::load_balancers::HostsFile;
use aws_wire::InstanceType;
use client::Resource;
use cloud_ec2::InstanceState;
use cloud_sts::InstanceSessions;
use controllers::{NodeNames, Presence};
use meta::Doc;
use reconcile::{Informer, Informers};
use std::sync::Arc;
use tokio::sync::watch;

pub const INSTANCES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "instances");
const NETWORK_INTERFACES: Resource = Resource::new("ec2.pilothouse.dev", "v1", "networkinterfaces");
const MIB: u64 = 1 << 20;

pub struct RoleSessions {
    pub sessions: InstanceSessions,
}

#[async_trait::async_trait]
impl InstanceCredentials for RoleSessions {
    async fn issue(&self, role_arn: &str, instance_id: &str) -> Result<Credentials, String> {
        let session = self.sessions.issue(role_arn, instance_id).await?;
        Ok(Credentials {
            access_key_id: session.access_key_id,
            secret_access_key: session.secret_access_key,
            session_token: session.session_token,
            expiration: session.expiration,
        })
    }
}

/// The type's hardware, as far as this host has it.
pub fn machine(kind: &str) -> Option<Machine> {
    let full = full_machine(kind)?;
    let cpus = std::thread::available_parallelism().map_or(u32::MAX, |count| narrow(count.get() as u64));
    Some(Machine { vcpus: full.vcpus.min(cpus), memory_bytes: full.memory_bytes.min(host_memory()), ..full })
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The type's hardware, as EC2 describes it.
pub fn full_machine(kind: &str) -> Option<Machine> {
    let kind = InstanceType::find(kind)?;
    Some(Machine {
        vcpus: narrow(kind.vcpus()),
        memory_bytes: kind.memory_mib() * MIB,
        max_interfaces: narrow(kind.max_network_interfaces()),
        addresses_per_interface: narrow(kind.addresses_per_interface()),
    })
}

fn host_memory() -> u64 {
    // Without the file nothing is known, and the type's own size holds.
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    total.map_or(u64::MAX, |kilobytes| kilobytes * 1024)
}

/// Removes everything outside the state directory that its service has made, and unmounts what is beneath it. No process of
/// the service needs to run any more, or ever again.
pub fn purge(state: &StateDir) -> std::io::Result<()> {
    match state.read_info()? {
        Some(info) => {
            forget_names(&info)?;
            agent::instances::purge(&info.instance, state.path())
        }
        // Nothing is made before the service has written down who it is.
        None => Ok(()),
    }
}

/// Takes the names of the service's load balancers out of the machine's hosts file, where a service that was killed left them.
pub fn forget_names(info: &ServiceInfo) -> std::io::Result<()> {
    let Some(path) = info.hosts_file.clone() else { return Ok(()) };
    HostsFile { path, instance: info.instance.clone() }.clear()
}

/// The instances that there are, by their ids.
#[derive(Clone)]
pub struct InstanceIndex {
    instances: Arc<Informer>,
    interfaces: Arc<Informer>,
    ends: watch::Receiver<()>,
}

const BY_ID: &str = "cluster-instance-id";
const BY_INSTANCE: &str = "cluster-instance";

impl InstanceIndex {
    pub fn new(informers: &Informers) -> Self {
        let (instances, interfaces) = (informers.get(INSTANCES), informers.get(NETWORK_INTERFACES));
        instances.add_index(BY_ID, |instance| vec![instance.meta.name.clone()]);
        interfaces
            .add_index(BY_INSTANCE, |interface| text(&interface.to_doc(), "/spec/attachment/instanceId").into_iter().collect());
        let (ended, ends) = watch::channel(());
        instances.on_change(move |change| {
            if change.new.as_ref().is_none_or(|instance| has_ended(&instance.to_doc())) {
                ended.send_replace(());
            }
        });
        Self { instances, interfaces, ends }
    }

    /// What its node is called, unless EC2 has ended it: its name may soon be another's.
    pub fn private_dns(&self, instance: &str) -> Option<String> {
        let record = self.instances.indexed(BY_ID, instance).into_iter().next()?.to_doc();
        if !matches!(InstanceState::of(&record), InstanceState::Pending | InstanceState::Running) {
            return None;
        }
        text(&record, "/status/network/privateDnsName")
    }

    /// Its own names and addresses: those of its interfaces, not those that it gave to pods.
    fn names(&self, instance: &str) -> Vec<String> {
        let own = self.interfaces.indexed(BY_INSTANCE, instance);
        let primaries = own.iter().flat_map(|interface| {
            let addresses = interface.get("/status/privateIpAddresses");
            let addresses: Vec<Doc> = addresses.as_array().cloned().unwrap_or_default();
            addresses.into_iter().filter(|address| address["primary"] == true)
        });
        primaries.flat_map(|address| [text(&address, "/privateIpAddress"), text(&address, "/privateDnsName")]).flatten().collect()
    }
}

fn text(doc: &Doc, pointer: &str) -> Option<String> {
    doc.pointer(pointer)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn has_ended(record: &Doc) -> bool {
    InstanceState::of(record) == InstanceState::Terminated
}

/// `i-...` of `aws:///<zone>/i-...`.
fn instance_of(provider_id: &str) -> Option<&str> {
    provider_id.strip_prefix("aws://")?.rsplit('/').next().filter(|id| id.starts_with("i-"))
}

impl NodeNames for InstanceIndex {
    /// The session says which instance asks: two VPCs may each have a node of one name.
    fn names(&self, node: &str, session: &str) -> Option<Vec<String>> {
        (self.private_dns(session)? == node).then(|| {
            let mut names = Self::names(self, session);
            names.push(node.to_owned());
            names
        })
    }

    fn presence(&self, provider_id: &str) -> Presence {
        let Some(id) = instance_of(provider_id) else { return Presence::Foreign };
        if !self.instances.is_synced() {
            return Presence::Pending;
        }
        match self.instances.indexed(BY_ID, id).first() {
            Some(record) if !has_ended(&record.to_doc()) => Presence::Exists,
            _ => Presence::Gone,
        }
    }

    fn ends(&self) -> watch::Receiver<()> {
        self.ends.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_ids_name_instances() {
        for (provider_id, instance) in [
            ("aws:///us-east-1a/i-0abc", Some("i-0abc")),
            ("aws:///us-east-1a/fargate-10.0.0.1", None),
            ("kind://docker/kind/worker", None),
            ("", None),
        ] {
            assert_eq!(instance_of(provider_id), instance, "{provider_id}");
        }
    }
}
