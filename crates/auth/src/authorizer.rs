//! The question an authorizer is asked, its answer, and how several authorizers answer as one.

use crate::rbac::PolicyRule;
use meta::{Doc, FieldSelector, GroupResource, Status, User, user};
use serde_json::json;
use std::sync::Arc;

/// One request, as `authorizer.Attributes` of k8s.io/apiserver describes it. Empty strings mean "none".
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    pub user: &'a User,
    pub verb: &'a str,
    pub group: &'a str,
    pub version: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    /// Of a request that is not about a resource.
    pub path: &'a str,
    pub is_resource: bool,
    /// Only of list, watch and deletecollection.
    pub field_selector: Option<&'a FieldSelector>,
}

impl<'a> Attributes<'a> {
    /// A request about a resource of the whole cluster; set the rest with struct update syntax.
    pub fn resource(user: &'a User, verb: &'a str, group: &'a str, resource: &'a str) -> Self {
        Self { user, verb, group, resource, version: "*", is_resource: true, ..Self::path(user, verb, "") }
    }

    pub fn path(user: &'a User, verb: &'a str, path: &'a str) -> Self {
        Self {
            user,
            verb,
            path,
            group: "",
            version: "",
            resource: "",
            subresource: "",
            namespace: "",
            name: "",
            is_resource: false,
            field_selector: None,
        }
    }

    pub fn in_namespace(self, namespace: &'a str) -> Self {
        Self { namespace, ..self }
    }

    pub fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    /// `pods/log`, the way rules name it, from `(pods, log)`.
    pub(crate) fn is_combined(&self, rule_resource: &str) -> bool {
        match self.subresource {
            "" => rule_resource == self.resource,
            subresource => rule_resource
                .strip_prefix(self.resource)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|rest| rest == subresource),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow { reason: Arc<str> },
    Deny { reason: Arc<str> },
    NoOpinion { reason: Arc<str> },
}

impl Decision {
    pub fn allow(reason: &str) -> Self {
        Self::Allow { reason: reason.into() }
    }
    pub fn no_opinion(reason: &str) -> Self {
        Self::NoOpinion { reason: reason.into() }
    }
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }
    pub fn reason(&self) -> &str {
        match self {
            Self::Allow { reason } | Self::Deny { reason } | Self::NoOpinion { reason } => reason,
        }
    }
}

/// What a user may do in a namespace, as far as it can be listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    pub rules: Vec<PolicyRule>,
    /// There are permissions that cannot be listed.
    pub incomplete: bool,
    pub errors: Vec<String>,
}

impl Rules {
    pub fn extend(&mut self, other: Rules) {
        self.rules.extend(other.rules);
        self.incomplete |= other.incomplete;
        self.errors.extend(other.errors);
    }

    /// The `status` of a `SelfSubjectRulesReview`.
    pub fn review_status(&self) -> Doc {
        let with_resources = self.rules.iter().filter(|r| !r.resources.is_empty());
        let with_urls = self.rules.iter().filter(|r| !r.non_resource_urls.is_empty());
        let mut status = json!({
            "resourceRules": with_resources.map(|r| PolicyRule { non_resource_urls: Vec::new(), ..r.clone() }.to_doc()).collect::<Vec<_>>(),
            "nonResourceRules": with_urls
                .map(|r| json!({ "verbs": r.verbs, "nonResourceURLs": r.non_resource_urls }))
                .collect::<Vec<_>>(),
            "incomplete": self.incomplete,
        });
        if !self.errors.is_empty() {
            status["evaluationError"] = aggregate(&self.errors).into();
        }
        status
    }
}

pub trait Authorizer: Send + Sync {
    fn authorize(&self, attributes: &Attributes<'_>) -> Decision;
    /// [`Authorizer::authorize`] for those who need no reason, which is every request that is allowed: true allows, false
    /// denies.
    fn opinion(&self, attributes: &Attributes<'_>) -> Option<bool> {
        match self.authorize(attributes) {
            Decision::Allow { .. } => Some(true),
            Decision::Deny { .. } => Some(false),
            Decision::NoOpinion { .. } => None,
        }
    }
    /// For `SelfSubjectRulesReview`.
    fn rules_for(&self, user: &User, namespace: &str) -> Rules;
}

/// Asks one after another; the first that allows or denies decides.
pub struct Union(pub Vec<Arc<dyn Authorizer>>);

impl Authorizer for Union {
    fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        let mut reasons: Vec<Arc<str>> = Vec::new();
        for authorizer in &self.0 {
            match authorizer.authorize(attributes) {
                Decision::NoOpinion { reason } if reason.is_empty() => {}
                Decision::NoOpinion { reason } => reasons.push(reason),
                decided => return decided,
            }
        }
        Decision::no_opinion(&reasons.join("\n"))
    }

    fn opinion(&self, attributes: &Attributes<'_>) -> Option<bool> {
        self.0.iter().find_map(|authorizer| authorizer.opinion(attributes))
    }

    fn rules_for(&self, user: &User, namespace: &str) -> Rules {
        let mut all = Rules::default();
        for authorizer in &self.0 {
            all.extend(authorizer.rules_for(user, namespace));
        }
        all
    }
}

/// Members of `system:masters` may do everything, whatever RBAC holds.
pub struct PrivilegedGroups;

impl Authorizer for PrivilegedGroups {
    fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        if attributes.user.in_group(user::MASTERS) { Decision::allow("") } else { Decision::no_opinion("") }
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

/// The paths anyone may read, as kube-apiserver's `--authorization-always-allow-paths` has them by default.
pub const ALWAYS_ALLOWED_PATHS: [&str; 3] = ["/healthz", "/livez", "/readyz"];

pub struct AlwaysAllowPaths;

impl Authorizer for AlwaysAllowPaths {
    fn authorize(&self, attributes: &Attributes<'_>) -> Decision {
        let open = !attributes.is_resource && ALWAYS_ALLOWED_PATHS.contains(&attributes.path);
        if open { Decision::allow("") } else { Decision::no_opinion("") }
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

/// The 403 of a request that no authorizer allowed (k8s.io/apiserver `handlers/responsewriters/errors.go`).
pub fn forbidden(attributes: &Attributes<'_>, reason: &str) -> Status {
    let message = sanitize(&forbidden_message(attributes));
    let why = if reason.is_empty() { message } else { format!("{message}: {reason}") };
    Status::forbidden(&GroupResource::new(attributes.group, attributes.resource), attributes.name, why)
}

fn forbidden_message(attributes: &Attributes<'_>) -> String {
    let Attributes { user, verb, group, namespace, path, .. } = attributes;
    if !attributes.is_resource {
        return format!("User {:?} cannot {verb} path {path:?}", user.name);
    }
    let resource = match attributes.subresource {
        "" => attributes.resource.to_owned(),
        subresource => format!("{}/{subresource}", attributes.resource),
    };
    let what = format!("User {:?} cannot {verb} resource {resource:?} in API group {group:?}", user.name);
    if namespace.is_empty() { format!("{what} at the cluster scope") } else { format!("{what} in the namespace {namespace:?}") }
}

/// A message that a browser cannot take for HTML.
fn sanitize(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `utilerrors.Aggregate`: one error bare, several in brackets, repetitions once.
pub(crate) fn aggregate(errors: &[String]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for error in errors {
        if !seen.contains(&error.as_str()) {
            seen.push(error);
        }
    }
    if let [only] = seen[..] { only.to_owned() } else { format!("[{}]", seen.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Decision);
    impl Authorizer for Fixed {
        fn authorize(&self, _: &Attributes<'_>) -> Decision {
            self.0.clone()
        }
        fn rules_for(&self, _: &User, _: &str) -> Rules {
            Rules::default()
        }
    }

    #[test]
    fn the_first_opinion_counts_and_reasons_add_up() {
        let union = |decisions: &[Decision]| {
            Union(decisions.iter().map(|d| Arc::new(Fixed(d.clone())) as Arc<dyn Authorizer>).collect())
                .authorize(&Attributes::path(&User::anonymous(), "get", "/"))
        };
        let (a, b) = (Decision::no_opinion("a"), Decision::no_opinion("b"));
        let deny = Decision::Deny { reason: "no".into() };
        assert_eq!(union(&[a.clone(), Decision::no_opinion(""), b.clone()]), Decision::no_opinion("a\nb"));
        assert_eq!(union(&[a, deny.clone(), Decision::allow("yes")]), deny);
        assert_eq!(union(&[b, Decision::allow("yes")]), Decision::allow("yes"));
        assert_eq!(union(&[]), Decision::no_opinion(""));
    }

    #[test]
    fn refusals_read_as_upstream_words_them() {
        let jane = User::authenticated("jane", ["dev"]);
        let pods = Attributes::resource(&jane, "list", "", "pods");
        let log = Attributes { subresource: "log", verb: "get", ..pods.in_namespace("y").named("web") };
        for (attributes, reason, expected) in [
            (
                pods.in_namespace("y"),
                "",
                r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "y""#,
            ),
            (
                Attributes::resource(&jane, "list", "apps", "deployments"),
                "because",
                r#"deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope: because"#,
            ),
            (
                log,
                "",
                r#"pods "web" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace "y""#,
            ),
            (Attributes::path(&jane, "get", "/a<b"), "", r#"forbidden: User "jane" cannot get path "/a&lt;b""#),
        ] {
            let status = forbidden(&attributes, reason);
            assert_eq!((status.message.as_str(), status.code()), (expected, 403));
        }
    }

    #[test]
    fn masters_and_health_paths_need_no_rule() {
        let (root, nobody) = (User::authenticated("root", [user::MASTERS]), User::anonymous());
        assert!(PrivilegedGroups.authorize(&Attributes::resource(&root, "delete", "", "nodes")).is_allowed());
        assert!(!PrivilegedGroups.authorize(&Attributes::resource(&nobody, "delete", "", "nodes")).is_allowed());
        for (path, allowed) in [("/readyz", true), ("/livez", true), ("/readyz/etcd", false), ("/metrics", false)] {
            assert_eq!(AlwaysAllowPaths.authorize(&Attributes::path(&nobody, "get", path)).is_allowed(), allowed, "{path}");
        }
    }
}
