//! From documents and a request to a decision: an explicit deny beats every allow, and silence refuses.

use super::Context;
use super::document::{Effect, Listed, PolicyDocument, Principals, Statement};
use super::pattern::Pattern;

/// What is asked. `resource` is empty where a policy speaks of none (trust policies).
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// `eks:ListClusters`.
    pub action: &'a str,
    pub resource: &'a str,
    pub context: &'a Context,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    ExplicitDeny,
    ImplicitDeny,
}

/// What an identity may do: its own policies, cut down by a session policy if there is one.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    pub identity: Vec<PolicyDocument>,
    /// Each must allow as well.
    pub session: Vec<PolicyDocument>,
}

impl PolicySet {
    pub fn decide(&self, query: &Query<'_>) -> Decision {
        match decide(&self.identity, query) {
            Decision::Allow if !self.session.is_empty() => decide(&self.session, query),
            decision if decide(&self.session, query) == Decision::ExplicitDeny => {
                debug_assert_ne!(decision, Decision::Allow);
                Decision::ExplicitDeny
            }
            decision => decision,
        }
    }
}

pub fn decide<'a>(documents: impl IntoIterator<Item = &'a PolicyDocument>, query: &Query<'_>) -> Decision {
    let mut decision = Decision::ImplicitDeny;
    let statements = documents.into_iter().flat_map(|document| &document.statements);
    for statement in statements.filter(|statement| applies(statement, query)) {
        match statement.effect {
            Effect::Deny => return Decision::ExplicitDeny,
            Effect::Allow => decision = Decision::Allow,
        }
    }
    decision
}

/// Who asks to assume a role.
#[derive(Clone, Copy, Debug)]
pub struct PrincipalFacts<'a> {
    pub account: &'a str,
    /// The user's or role's own ARN.
    pub arn: &'a str,
    /// The session's ARN, when it is one.
    pub session_arn: Option<&'a str>,
}

/// What a trust policy says about a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Names it: enough within one account.
    Named,
    /// Trusts its account: the principal's own policies must allow as well.
    Account,
    Refused,
}

pub fn trust(document: &PolicyDocument, principal: &PrincipalFacts<'_>, query: &Query<'_>) -> Trust {
    let mut trust = Trust::Refused;
    for statement in document.statements.iter().filter(|statement| applies(statement, query)) {
        let Some(principals) = &statement.principals else { continue };
        match (statement.effect, principals.reach(principal)) {
            (_, Trust::Refused) => {}
            (Effect::Deny, _) => return Trust::Refused,
            (Effect::Allow, Trust::Named) => trust = Trust::Named,
            (Effect::Allow, Trust::Account) if trust == Trust::Refused => trust = Trust::Account,
            (Effect::Allow, Trust::Account) => {}
        }
    }
    trust
}

impl Principals {
    fn reach(&self, principal: &PrincipalFacts<'_>) -> Trust {
        let reach =
            self.entries.iter().map(|(kind, name)| reach(kind, name, principal)).fold(Trust::Refused, |best, next| {
                match (best, next) {
                    (Trust::Named, _) | (_, Trust::Named) => Trust::Named,
                    (Trust::Account, _) | (_, Trust::Account) => Trust::Account,
                    _ => Trust::Refused,
                }
            });
        match (self.negated, reach) {
            (false, reach) => reach,
            (true, Trust::Refused) => Trust::Account,
            (true, _) => Trust::Refused,
        }
    }

    fn names_service(&self, service: &str) -> bool {
        !self.negated && self.entries.iter().any(|(kind, name)| kind == "Service" && name == service)
    }
}

fn reach(kind: &str, name: &str, principal: &PrincipalFacts<'_>) -> Trust {
    match kind {
        // A star trusts every account; the caller's own policies still decide.
        "*" => Trust::Account,
        "AWS" if name == "*" => Trust::Account,
        "AWS" if name == principal.account => Trust::Account,
        "AWS" if name == principal.arn || Some(name) == principal.session_arn => Trust::Named,
        "AWS" => match crate::Arn::parse(name) {
            Some(arn) if arn.service == "iam" && arn.resource == "root" && arn.account == principal.account => Trust::Account,
            _ => Trust::Refused,
        },
        _ => Trust::Refused,
    }
}

impl PolicyDocument {
    /// Whether an AWS service such as `eks.amazonaws.com` may assume the role.
    pub fn trusts_service(&self, service: &str) -> bool {
        let context = Context::default();
        let query = Query { action: "sts:AssumeRole", resource: "", context: &context };
        let about = |statement: &&Statement| {
            action_listed(&statement.actions, &query) && statement.principals.as_ref().is_some_and(|p| p.names_service(service))
        };
        let mut about = self.statements.iter().filter(about).peekable();
        about.peek().is_some() && about.all(|statement| statement.effect == Effect::Allow)
    }
}

fn applies(statement: &Statement, query: &Query<'_>) -> bool {
    action_listed(&statement.actions, query)
        && statement.resources.as_ref().is_none_or(|listed| resource_listed(listed, query))
        && statement.conditions.iter().all(|condition| condition.holds(query.context))
}

fn action_listed(listed: &Listed, query: &Query<'_>) -> bool {
    let any = |names: &[String]| {
        names.iter().filter_map(|name| Pattern::new(name, query.context)).any(|p| p.matches_ignoring_case(query.action))
    };
    match listed {
        Listed::Only(names) => any(names),
        Listed::Except(names) => !any(names),
    }
}

fn resource_listed(listed: &Listed, query: &Query<'_>) -> bool {
    let any = |names: &[String]| {
        names.iter().filter_map(|name| Pattern::new(name, query.context)).any(|p| p.matches_arn(query.resource))
    };
    match listed {
        Listed::Only(names) => any(names),
        Listed::Except(names) => !any(names),
    }
}

#[cfg(test)]
mod tests;
