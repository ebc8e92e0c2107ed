//! Keeps `spec.loadBalancerArns` of each TargetGroup as the listeners have it, so that its host knows whether to look after
//! its targets, and gives its name back before it lets it go.

use super::describe::load_balancer_arns;
use crate::arns::{self, Named};
use crate::claims::{Claim, release};
use crate::lookup::{is_live, text};
use crate::records::{LISTENERS, TARGET_GROUP_FINALIZER, TARGET_GROUPS};
use client::Client;
use meta::{Doc, Object};
use reconcile::{Controller, Error, Informer, Informers, Next, ObjectChange, ObjectKey, Runtime, gone_is_done};
use serde_json::json;
use std::sync::Arc;

/// Listeners by the record of the target group that they forward to.
const BY_TARGET_GROUP: &str = "elbv2-target-group";
const WORKERS: usize = 2;

pub struct TargetGroupControl {
    client: Client,
}

impl TargetGroupControl {
    /// `client` speaks as `system:cloud:elbv2`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Starts the controller; it runs until the runtime stops.
    pub fn run(self, informers: &Informers, runtime: &Runtime) {
        let (groups, listeners) = (informers.get(TARGET_GROUPS), informers.get(LISTENERS));
        listeners.add_index(BY_TARGET_GROUP, |listener| groups_of(listener).collect());
        let pass = Arc::new(Pass { client: self.client, groups: groups.clone(), listeners: listeners.clone() });
        Controller::new("target-group", runtime)
            .watches_own(&groups)
            .watches(&listeners, |change: &ObjectChange| {
                let both = change.old.iter().chain(&change.new);
                both.flat_map(|one| groups_of(one).map(|name| ObjectKey::new(&*one.meta.namespace, name))).collect::<Vec<_>>()
            })
            .run(WORKERS, move |key| {
                let pass = Arc::clone(&pass);
                async move { pass.reconcile(&key).await.map(|()| Next::OnChange) }
            });
    }
}

struct Pass {
    client: Client,
    groups: Arc<Informer>,
    listeners: Arc<Informer>,
}

impl Pass {
    async fn reconcile(&self, key: &ObjectKey) -> Result<(), Error> {
        let Some(group) = self.groups.get(&key.namespace, &key.name).map(|group| group.to_doc()) else { return Ok(()) };
        let listeners: Vec<Doc> = self.listeners.indexed(BY_TARGET_GROUP, &key.name).iter().map(|one| one.to_doc()).collect();
        let Some(patch) = plan(&group, &listeners) else { return Ok(()) };
        if !is_live(&group) {
            let claim = Claim::TargetGroupName(text(&group["spec"]["name"]));
            release(&self.client, &key.namespace, &claim, &key.name).await?;
        }
        gone_is_done(self.client.patch(TARGET_GROUPS, &key.namespace, &key.name, "", patch).await)
    }
}

/// The merge patch that makes the group say what the listeners do, or lets it go.
fn plan(group: &Doc, listeners: &[Doc]) -> Option<Doc> {
    if !is_live(group) {
        return released(group);
    }
    let live: Vec<Doc> = listeners.iter().filter(|listener| is_live(listener)).cloned().collect();
    let arns = json!(load_balancer_arns(group, &live));
    let metadata = json!({"uid": group["metadata"]["uid"]});
    (group["spec"]["loadBalancerArns"] != arns).then(|| json!({"metadata": metadata, "spec": {"loadBalancerArns": arns}}))
}

fn released(group: &Doc) -> Option<Doc> {
    let metadata = &group["metadata"];
    let finalizers: Vec<&Doc> = metadata["finalizers"].as_array().into_iter().flatten().collect();
    let rest: Vec<&&Doc> = finalizers.iter().filter(|finalizer| ***finalizer != TARGET_GROUP_FINALIZER).collect();
    let version = &metadata["resourceVersion"];
    (rest.len() < finalizers.len())
        .then(|| json!({"metadata": {"uid": metadata["uid"], "resourceVersion": version, "finalizers": rest}}))
}

/// Names of the records that a listener forwards to.
fn groups_of(listener: &Object) -> impl Iterator<Item = String> {
    let actions = listener.get("/spec/defaultActions").as_array().cloned().unwrap_or_default();
    actions.into_iter().filter_map(|action| match arns::parse(text(&action["targetGroupArn"])) {
        Some(Named::TargetGroup(name)) => Some(name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_says_who_forwards_to_it() {
        let listener = |to: &str, of: &str| json!({"metadata": {}, "spec": {"loadBalancerArn": of, "defaultActions": [{"type": "forward", "targetGroupArn": to}]}});
        let group = |arns: Doc| json!({"metadata": {"uid": "u"}, "spec": {"arn": "tg", "loadBalancerArns": arns}});
        let patch = |arns: Doc| Some(json!({"metadata": {"uid": "u"}, "spec": {"loadBalancerArns": arns}}));
        for (present, listeners, expected) in [
            (json!([]), vec![], None),
            (json!([]), vec![listener("tg", "lb"), listener("tg", "lb"), listener("other", "x")], patch(json!(["lb"]))),
            (json!(["lb"]), vec![listener("tg", "lb")], None),
            (json!(["lb"]), vec![], patch(json!([]))),
        ] {
            assert_eq!(plan(&group(present), &listeners), expected);
        }
    }

    #[test]
    fn a_group_that_is_deleted_is_let_go() {
        let deleted = |finalizers: Doc| json!({"metadata": {"uid": "u", "resourceVersion": "7", "deletionTimestamp": "x", "finalizers": finalizers}});
        let rest = json!({"metadata": {"uid": "u", "resourceVersion": "7", "finalizers": ["other"]}});
        assert_eq!(plan(&deleted(json!(["other", TARGET_GROUP_FINALIZER])), &[]), Some(rest));
        assert_eq!(plan(&deleted(json!(["other"])), &[]), None);
    }
}
