//! Which objects belong to which node, kept up to date one object at a time
//! (kubernetes `plugin/pkg/auth/authorizer/node/graph.go`).

use super::references::{Kind, is_mirror, of_pod, secrets_of_volume, text};
use meta::Doc;
use parking_lot::RwLock;
use std::collections::{HashMap, HashSet};

/// The kinds that make the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GraphKind {
    Pod,
    PersistentVolume,
    VolumeAttachment,
    ResourceSlice,
    PodCertificateRequest,
}

impl GraphKind {
    pub fn parse(kind: &str) -> Option<Self> {
        match kind {
            "Pod" => Some(Self::Pod),
            "PersistentVolume" => Some(Self::PersistentVolume),
            "VolumeAttachment" => Some(Self::VolumeAttachment),
            "ResourceSlice" => Some(Self::ResourceSlice),
            "PodCertificateRequest" => Some(Self::PodCertificateRequest),
            _ => None,
        }
    }

    /// Where a kind that belongs to one node says so.
    fn node_pointer(self) -> Option<&'static str> {
        match self {
            Self::Pod | Self::PersistentVolume => None,
            Self::VolumeAttachment | Self::ResourceSlice | Self::PodCertificateRequest => Some("/spec/nodeName"),
        }
    }
}

/// Namespace and name.
type Key = (String, String);

#[derive(Debug)]
struct BoundPod {
    node: String,
    references: Vec<(Kind, String)>,
}

#[derive(Debug)]
struct Volume {
    claim: Key,
    secrets: Vec<Key>,
}

#[derive(Debug, Default)]
struct State {
    pods: HashMap<Key, BoundPod>,
    /// Object -> node -> how many pods of that node name it.
    named: HashMap<(Kind, Key), HashMap<String, usize>>,
    volumes: HashMap<String, Volume>,
    /// Secret -> volumes that need it.
    secret_volumes: HashMap<Key, HashSet<String>>,
    owned: HashMap<(GraphKind, Key), String>,
}

#[derive(Debug, Default)]
pub struct NodeGraph {
    state: RwLock<State>,
}

impl NodeGraph {
    /// Takes in the newest state of one object; `None` means deleted.
    pub fn apply(&self, kind: GraphKind, namespace: &str, name: &str, doc: Option<&Doc>) {
        let key = || (namespace.to_owned(), name.to_owned());
        match (kind, kind.node_pointer()) {
            (GraphKind::Pod, _) => {
                let pod = doc.and_then(bound_pod);
                self.state.write().set_pod(key(), pod);
            }
            (_, Some(pointer)) => {
                let node = doc.map(|d| text(d, pointer)).filter(|n| !n.is_empty()).map(str::to_owned);
                let mut state = self.state.write();
                match node {
                    Some(node) => state.owned.insert((kind, key()), node),
                    None => state.owned.remove(&(kind, key())),
                };
            }
            (_, None) => {
                let volume = doc.and_then(claimed_volume);
                self.state.write().set_volume(name, volume);
            }
        }
    }

    /// Whether a pod on the node names the object.
    pub(super) fn names(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        let key = (namespace.to_owned(), name.to_owned());
        let state = self.state.read();
        if kind == Kind::Secret {
            let volumes = state.secret_volumes.get(&key).into_iter().flatten();
            if volumes.filter_map(|v| state.volumes.get(v)).any(|v| state.is_named(node, Kind::Claim, &v.claim)) {
                return true;
            }
        }
        state.is_named(node, kind, &key)
    }

    /// Whether a pod on the node uses the volume through its claim.
    pub(super) fn uses_volume(&self, node: &str, name: &str) -> bool {
        let state = self.state.read();
        state.volumes.get(name).is_some_and(|v| state.is_named(node, Kind::Claim, &v.claim))
    }

    pub(super) fn owns(&self, node: &str, kind: GraphKind, namespace: &str, name: &str) -> bool {
        self.state.read().owned.get(&(kind, (namespace.to_owned(), name.to_owned()))).is_some_and(|n| n == node)
    }
}

fn bound_pod(pod: &Doc) -> Option<BoundPod> {
    let node = text(pod, "/spec/nodeName");
    if node.is_empty() {
        return None;
    }
    let references = if is_mirror(pod) { Vec::new() } else { of_pod(pod) };
    Some(BoundPod { node: node.to_owned(), references })
}

fn claimed_volume(volume: &Doc) -> Option<Volume> {
    let claim = (text(volume, "/spec/claimRef/namespace").to_owned(), text(volume, "/spec/claimRef/name").to_owned());
    (!claim.1.is_empty()).then(|| Volume { claim, secrets: secrets_of_volume(volume) })
}

impl State {
    fn is_named(&self, node: &str, kind: Kind, key: &Key) -> bool {
        match kind {
            Kind::Pod => self.pods.get(key).is_some_and(|p| p.node == node),
            _ => self.named.get(&(kind, key.clone())).is_some_and(|nodes| nodes.contains_key(node)),
        }
    }

    fn set_pod(&mut self, key: Key, pod: Option<BoundPod>) {
        if let Some(old) = self.pods.remove(&key) {
            for (kind, name) in old.references {
                self.forget((kind, (key.0.clone(), name)), &old.node);
            }
        }
        let Some(pod) = pod else { return };
        for (kind, name) in &pod.references {
            let nodes = self.named.entry((*kind, (key.0.clone(), name.clone()))).or_default();
            *nodes.entry(pod.node.clone()).or_default() += 1;
        }
        self.pods.insert(key, pod);
    }

    fn forget(&mut self, object: (Kind, Key), node: &str) {
        let Some(nodes) = self.named.get_mut(&object) else { return };
        if let Some(count) = nodes.get_mut(node) {
            *count -= 1;
            if *count == 0 {
                nodes.remove(node);
            }
        }
        if nodes.is_empty() {
            self.named.remove(&object);
        }
    }

    fn set_volume(&mut self, name: &str, volume: Option<Volume>) {
        for secret in self.volumes.remove(name).map(|v| v.secrets).unwrap_or_default() {
            if let Some(volumes) = self.secret_volumes.get_mut(&secret) {
                volumes.remove(name);
                if volumes.is_empty() {
                    self.secret_volumes.remove(&secret);
                }
            }
        }
        let Some(volume) = volume else { return };
        for secret in &volume.secrets {
            self.secret_volumes.entry(secret.clone()).or_default().insert(name.to_owned());
        }
        self.volumes.insert(name.to_owned(), volume);
    }
}
