//! Fills the rules of ClusterRoles that gather from others. Promise: an aggregated role holds exactly the union that its
//! selectors name; a role without an aggregation rule is never written.
//! Follows kubernetes `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.

use crate::context::{CLUSTER_ROLES, Cx};
use auth::rbac::{PolicyRule, aggregated_rules, rules_of};
use client::Client;
use meta::Doc;
use reconcile::{Controller, Error, Informer, Next};
use serde_json::json;
use std::sync::Arc;

pub(crate) const NAME: &str = "clusterrole-aggregation-controller";

/// Woken by any ClusterRole. One key stands for all: aggregated roles gather from each other, and one pass sees them all.
pub(crate) fn start(cx: &Cx) {
    let roles = cx.informers.get(CLUSTER_ROLES);
    let pass = Arc::new(Pass { client: cx.client(NAME), roles: roles.clone() });
    Controller::new(NAME, &cx.context.runtime).watches(&roles, |_| [()]).run(1, move |()| {
        let pass = pass.clone();
        async move { pass.reconcile().await }
    });
}

struct Pass {
    client: Client,
    roles: Arc<Informer>,
}

impl Pass {
    async fn reconcile(&self) -> Result<Next, Error> {
        let roles: Vec<Doc> = self.roles.all().iter().map(|role| role.to_doc()).collect();
        for Step { name, patch } in plan(&roles) {
            self.client.patch(CLUSTER_ROLES, "", &name, "", patch).await?;
        }
        Ok(Next::OnChange)
    }
}

#[derive(Debug, PartialEq)]
struct Step {
    name: String,
    patch: Doc,
}

/// Patches of the roles whose rules differ, each on the version that was looked at. Roles that gather from one of these
/// are right after the pass that its change brings.
fn plan(roles: &[Doc]) -> Vec<Step> {
    let mut steps = Vec::new();
    for role in roles {
        // A selector that is no selector grants nothing new; what the role holds stays.
        let Ok(Some(rules)) = aggregated_rules(role, roles) else { continue };
        if rules == rules_of(role) {
            continue;
        }
        let metadata = &role["metadata"];
        let rules: Vec<Doc> = rules.iter().map(PolicyRule::to_doc).collect();
        let patch =
            json!({ "metadata": { "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"] }, "rules": rules });
        steps.push(Step { name: metadata["name"].as_str().unwrap_or_default().into(), patch });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(resource: &str) -> Doc {
        json!({"apiGroups": [""], "resources": [resource], "verbs": ["get"]})
    }

    fn role(name: &str, rules: Doc) -> Doc {
        let labels = json!({"gather": "yes"});
        json!({"kind": "ClusterRole", "metadata": {"name": name, "uid": "u", "resourceVersion": "7", "labels": labels}, "rules": rules})
    }

    fn gathers(rules: Doc) -> Doc {
        json!({"kind": "ClusterRole", "metadata": {"name": "all", "uid": "u", "resourceVersion": "7"}, "rules": rules,
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"gather": "yes"}}]}})
    }

    #[test]
    fn only_roles_that_differ_are_patched() {
        let (a, b) = (role("a", json!([rule("pods")])), role("b", json!([rule("services"), rule("pods")])));
        for (roles, rules) in [
            (vec![gathers(Doc::Null)], None),
            (vec![gathers(Doc::Null), a.clone()], Some(json!([rule("pods")]))),
            (vec![gathers(json!([rule("pods")])), a.clone()], None),
            (vec![gathers(json!([rule("pods")])), a.clone(), b], Some(json!([rule("pods"), rule("services")]))),
            (vec![gathers(json!([rule("pods")]))], Some(json!([]))),
            (vec![a], None),
        ] {
            let patch = |rules| json!({"metadata": {"uid": "u", "resourceVersion": "7"}, "rules": rules});
            let expected: Vec<Step> = rules.into_iter().map(|r: Doc| Step { name: "all".into(), patch: patch(r) }).collect();
            assert_eq!(plan(&roles), expected, "{roles:?}");
        }
    }
}
