//! How many pods there should be: the wanted replicas of whoever controls the pods there are (`getExpectedScale`).

use crate::context::Cx;
use crate::kinds;
use client::{Call, Client, ReplyBody, Resource, Verb};
use meta::{Doc, Object, OwnerReference, Reason};
use reconcile::Informer;
use std::collections::BTreeMap;
use std::sync::Arc;

const DEPLOYMENTS: Resource = Resource::new("apps", "v1", "deployments");
const REPLICA_SETS: Resource = Resource::new("apps", "v1", "replicasets");
const STATEFUL_SETS: Resource = Resource::new("apps", "v1", "statefulsets");
const REPLICATION_CONTROLLERS: Resource = Resource::new("", "v1", "replicationcontrollers");

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scale {
    pub replicas: i64,
    /// Some pods have nobody who says how many there should be.
    pub unmanaged: bool,
}

pub(super) struct Scales {
    client: Client,
    kinds: Arc<[crate::KindFacts]>,
    deployments: Arc<Informer>,
    /// By group and kind; of the others the scale subresource is asked.
    cached: [((&'static str, &'static str), Arc<Informer>); 3],
}

/// A controller by its uid, and the replicas that it wants.
type Found = Option<(String, i64)>;

impl Scales {
    pub fn new(cx: &Cx, client: Client) -> Self {
        let of = |group, kind, resource| ((group, kind), cx.informers.get(resource));
        let cached = [
            of("apps", "ReplicaSet", REPLICA_SETS),
            of("apps", "StatefulSet", STATEFUL_SETS),
            of("", "ReplicationController", REPLICATION_CONTROLLERS),
        ];
        Self { client, kinds: cx.context.kinds.clone(), deployments: cx.informers.get(DEPLOYMENTS), cached }
    }

    /// What must be known before a scale can be told.
    pub fn informers(&self) -> Vec<&Informer> {
        self.cached.iter().map(|(_, informer)| &**informer).chain([&*self.deployments]).collect()
    }

    pub async fn of_all(&self, pods: &[Arc<Object>]) -> Result<Scale, String> {
        let mut controllers: BTreeMap<&str, (&OwnerReference, &Object)> = BTreeMap::new();
        let mut scale = Scale::default();
        for pod in pods {
            match pod.meta.controller() {
                Some(owner) => drop(controllers.entry(&owner.uid).or_insert((owner, pod))),
                None => scale.unmanaged = true,
            }
        }
        let mut found = BTreeMap::new();
        for (owner, pod) in controllers.into_values() {
            let Some((uid, replicas)) = self.of(owner, &pod.meta.namespace).await? else {
                return Err(format!("found no controllers for pod {:?}", pod.meta.name));
            };
            // Two ReplicaSets may be of one Deployment.
            found.insert(uid, replicas);
        }
        scale.replicas = found.into_values().sum();
        Ok(scale)
    }

    async fn of(&self, owner: &OwnerReference, namespace: &str) -> Result<Found, String> {
        let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
        let cached = self.cached.iter().find(|((of_group, kind), _)| (*of_group, *kind) == (group, &*owner.kind));
        let Some((_, informer)) = cached else { return self.by_subresource(owner, namespace).await };
        let Some(controller) = informer.get(namespace, &owner.name).filter(|found| found.meta.uid == owner.uid) else {
            return Ok(None);
        };
        match controller.meta.controller().filter(|above| above.kind == "Deployment") {
            None => Ok(Some(replicas(&controller))),
            Some(above) => {
                let deployment = self.deployments.get(namespace, &above.name).filter(|found| found.meta.uid == above.uid);
                Ok(deployment.map(|deployment| replicas(&deployment)))
            }
        }
    }

    async fn by_subresource(&self, owner: &OwnerReference, namespace: &str) -> Result<Found, String> {
        let Some(facts) = kinds::by_kind(&self.kinds, &owner.api_version, &owner.kind) else { return Ok(None) };
        let call = Call::new(Verb::Get, facts.gvr.clone(), namespace, &owner.name).subresource("scale");
        let scale = match self.client.call(call).await {
            Ok(reply) => match reply.body {
                ReplyBody::Doc(doc) => doc,
                ReplyBody::Object(object) => object.to_doc(),
                ReplyBody::List(_) => Doc::Null,
            },
            Err(status) if status.reason == Reason::NotFound => {
                return Err(format!("{} does not implement the scale subresource", facts.gvr.group_resource()));
            }
            Err(status) => return Err(status.to_string()),
        };
        let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
        Ok((scale["metadata"]["uid"] == owner.uid.as_str()).then(|| (owner.uid.clone(), replicas)))
    }
}

fn replicas(controller: &Object) -> (String, i64) {
    (controller.meta.uid.clone(), controller.get("/spec/replicas").as_i64().unwrap_or(1))
}
