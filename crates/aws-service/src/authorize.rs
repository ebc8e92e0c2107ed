//! Authorisation: the caller's policies decide, and a refusal reads as AWS writes it.

use crate::policy::{Decision, Query, decide};
use crate::{Caller, Request};
use aws_wire::{AwsError, Protocol};

/// Asks the policies about every resource of a request.
pub(crate) fn authorize(protocol: Protocol, request: &Request, action: &str, resources: &[String]) -> Result<(), AwsError> {
    for resource in resources {
        let query = Query { action, resource, context: &request.context };
        if request.caller.policies.decide(&query) != Decision::Allow {
            return Err(denied(protocol, &request.caller, &query));
        }
    }
    Ok(())
}

/// The refusal of `query`, also for handlers that decide themselves.
pub(crate) fn denied(protocol: Protocol, caller: &Caller, query: &Query<'_>) -> AwsError {
    let action = query.action;
    let on = if query.resource.is_empty() { String::new() } else { format!(" on resource: {}", query.resource) };
    let text = format!("User: {} is not authorized to perform: {action}{on}{}", caller.arn, because(caller, query));
    match protocol {
        Protocol::Ec2 => {
            AwsError::new("UnauthorizedOperation", format!("You are not authorized to perform this operation. {text}"))
                .with_status(403)
        }
        Protocol::Query | Protocol::RestXml => AwsError::new("AccessDenied", text).with_status(403),
        Protocol::Json | Protocol::RestJson => AwsError::new("AccessDeniedException", text).with_status(403),
    }
}

fn because(caller: &Caller, query: &Query<'_>) -> String {
    let missing = |kind: &str| format!(" because no {kind} policy allows the {} action", query.action);
    let explicit = |kind: &str| format!(" with an explicit deny in {kind} policy");
    let identity = decide(&caller.policies.identity, query);
    let session = decide(&caller.policies.session, query);
    match (identity, session) {
        (Decision::ExplicitDeny, _) => explicit("an identity-based"),
        (_, Decision::ExplicitDeny) => explicit("a session"),
        (Decision::ImplicitDeny, _) => missing("identity-based"),
        _ => missing("session"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Principal;
    use crate::policy::{Context, PolicyDocument, PolicySet};

    fn caller(identity: &[&str], session: &[&str]) -> Caller {
        let parse = |texts: &[&str]| -> Vec<PolicyDocument> {
            let whole = texts.iter().map(|text| format!(r#"{{"Statement":{text}}}"#));
            whole.map(|text| PolicyDocument::parse_identity(&text).expect("a valid policy")).collect()
        };
        Caller {
            account: "1".into(),
            arn: "arn:aws:iam::1:user/eve".into(),
            user_id: "AIDA".into(),
            access_key_id: "AKIA".into(),
            principal: Principal::User { name: "eve".into() },
            policies: PolicySet { identity: parse(identity), session: parse(session) },
        }
    }

    #[test]
    fn refusals_name_the_policy_that_is_missing() {
        let context = Context::default();
        let query = Query { action: "eks:ListClusters", resource: "arn:aws:eks:r:1:cluster/*", context: &context };
        let prefix =
            "User: arn:aws:iam::1:user/eve is not authorized to perform: eks:ListClusters on resource: arn:aws:eks:r:1:cluster/*";
        let all = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
        let deny = r#"{"Effect":"Deny","Action":"eks:*","Resource":"*"}"#;
        let other = r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"}"#;
        for (caller, because) in [
            (caller(&[], &[]), " because no identity-based policy allows the eks:ListClusters action"),
            (caller(&[all, deny], &[]), " with an explicit deny in an identity-based policy"),
            (caller(&[all], &[other]), " because no session policy allows the eks:ListClusters action"),
            (caller(&[all], &[deny]), " with an explicit deny in a session policy"),
        ] {
            let error = denied(Protocol::RestJson, &caller, &query);
            assert_eq!(error.message, format!("{prefix}{because}"));
            assert_eq!((error.code.as_str(), error.status), ("AccessDeniedException", 403));
        }
        let error = denied(Protocol::Ec2, &caller(&[], &[]), &query);
        assert!(error.message.starts_with("You are not authorized to perform this operation. User: "), "{}", error.message);
    }
}
