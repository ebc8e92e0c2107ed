//! AssumeRole: the role's trust policy and, unless that names the caller, the caller's own policies decide.

use crate::policies;
use crate::records::ROLES;
use crate::service::Cx;
use crate::session::Session;
use aws_service::policy::{Decision, PolicyDocument, Query, Trust, trust};
use aws_service::{Arn, Failure, Outcome, Principal, Request, ids, names};
use aws_wire::AwsError;
use meta::{Doc, Status};
use serde_json::json;
use std::sync::Arc;

const ACTION: &str = "sts:AssumeRole";
const DEFAULT_SECONDS: i64 = 3600;
const MIN_SECONDS: i64 = 900;
/// The longest session of a role assumed by a role.
const CHAINED_SECONDS: i64 = 3600;
/// AWS's limit on inline session policies, in characters.
const MAX_POLICY_CHARACTERS: usize = 2048;

/// Members that would change what a session may do, and are not understood yet.
const UNSUPPORTED: [&str; 6] = ["Tags", "TransitiveTagKeys", "SourceIdentity", "SerialNumber", "TokenCode", "ProvidedContexts"];

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    check_shape(&request.input)?;
    let role = trusted_role(&cx, &request).await?;
    let seconds = duration(&request, role["spec"]["maxSessionDuration"].as_i64().unwrap_or(DEFAULT_SECONDS))?;
    let policy_arns = session_policies(&cx, &request).await?;
    let session = Session {
        access_key_id: ids::iam_id(&*cx.random, "ASIA"),
        secret_access_key: ids::secret_key(&*cx.random),
        account: request.account().to_owned(),
        role_name: text(&role, "roleName"),
        role_id: text(&role, "roleId"),
        session_name: request.required("RoleSessionName").to_owned(),
        expires: request.now.unix() + seconds,
        policy: request.text("Policy").map(str::to_owned),
        policy_arns,
    };
    let token =
        session.seal(cx.keys.key().await?, &*cx.random).ok_or_else(|| Status::internal("a session could not be sealed"))?;
    Ok(answer(&session, &token))
}

fn answer(session: &Session, token: &str) -> Doc {
    let arn = format!("arn:aws:sts::{}:assumed-role/{}/{}", session.account, session.role_name, session.session_name);
    let mut output = json!({
        "Credentials": {
            "AccessKeyId": session.access_key_id, "SecretAccessKey": session.secret_access_key, "SessionToken": token,
            "Expiration": session.expires,
        },
        "AssumedRoleUser": {"AssumedRoleId": format!("{}:{}", session.role_id, session.session_name), "Arn": arn},
    });
    let characters = session.policy.as_ref().map_or(0, |policy| policy.chars().count());
    if characters > 0 || !session.policy_arns.is_empty() {
        output["PackedPolicySize"] = json!((characters * 100 / MAX_POLICY_CHARACTERS).max(1));
    }
    output
}

fn text(role: &Doc, member: &str) -> String {
    role["spec"][member].as_str().unwrap_or_default().to_owned()
}

fn check_shape(input: &Doc) -> Result<(), AwsError> {
    let given =
        |member: &&&str| !matches!(&input[**member], Doc::Null) && input[**member].as_array().is_none_or(|list| !list.is_empty());
    match UNSUPPORTED.iter().find(given) {
        Some(member) => Err(AwsError::new("ValidationError", format!("{member} is not supported."))),
        None => Ok(()),
    }
}

/// The role's record, if the caller may assume it. A role that does not exist is refused in the same words.
async fn trusted_role(cx: &Cx, request: &Request) -> Result<Doc, Failure> {
    let arn = request.required("RoleArn");
    let refused = || Failure::from(refusal(request, arn));
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "iam" && arn.resource.starts_with("role/"));
    let Some(parsed) = parsed else {
        return Err(AwsError::new("ValidationError", format!("{arn} is invalid")).into());
    };
    if parsed.account != request.account() {
        return Err(refused());
    }
    let role = cx.client.find(ROLES, &parsed.account, &names::escape(parsed.name())).await?.ok_or_else(refused)?.to_doc();
    if role["spec"]["arn"] != arn {
        return Err(refused());
    }
    let policy = PolicyDocument::parse_trust(role["spec"]["assumeRolePolicyDocument"].as_str().unwrap_or_default());
    let policy = policy.map_err(|why| Status::internal(format!("the trust policy of {arn} does not parse: {why}")))?;
    if may_assume(&policy, request, arn) { Ok(role) } else { Err(refused()) }
}

fn refusal(request: &Request, arn: &str) -> AwsError {
    let message = format!("User: {} is not authorized to perform: {ACTION} on resource: {arn}", request.caller.arn);
    AwsError::new("AccessDenied", message).with_status(403)
}

fn may_assume(policy: &PolicyDocument, request: &Request, arn: &str) -> bool {
    let mut context = request.context.clone().with("sts:RoleSessionName", request.required("RoleSessionName"));
    if let Some(id) = request.text("ExternalId") {
        context.add("sts:ExternalId", id);
    }
    let query = Query { action: ACTION, resource: "", context: &context };
    let own = request.allowed(ACTION, arn);
    match trust(policy, &request.caller.facts(), &query) {
        Trust::Named => own != Decision::ExplicitDeny,
        Trust::Account => own == Decision::Allow,
        Trust::Refused => false,
    }
}

fn duration(request: &Request, role_maximum: i64) -> Result<i64, AwsError> {
    let asked = request.input["DurationSeconds"].as_i64();
    let chained = matches!(request.caller.principal, Principal::AssumedRole { .. });
    let invalid = |message: &str| Err(AwsError::new("ValidationError", message));
    match asked {
        None => Ok(DEFAULT_SECONDS),
        Some(seconds) if seconds < MIN_SECONDS => invalid("The requested DurationSeconds must be at least 900."),
        Some(seconds) if chained && seconds > CHAINED_SECONDS => {
            invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
        }
        Some(seconds) if seconds > role_maximum => {
            invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
        }
        Some(seconds) => Ok(seconds),
    }
}

/// Checks the inline session policy, and returns the ARNs of managed ones.
async fn session_policies(cx: &Cx, request: &Request) -> Result<Vec<String>, Failure> {
    if let Some(policy) = request.text("Policy") {
        let malformed = |why: String| AwsError::modelled(cx.model, "MalformedPolicyDocument", why);
        PolicyDocument::parse_identity(policy).map_err(|why| malformed(why.0))?;
        if policy.chars().count() > MAX_POLICY_CHARACTERS {
            return Err(AwsError::modelled(cx.model, "PackedPolicyTooLarge", "The session policy is too large.").into());
        }
    }
    let listed = request.input["PolicyArns"].as_array().into_iter().flatten();
    let arns: Vec<String> = listed.filter_map(|entry| entry["arn"].as_str()).map(str::to_owned).collect();
    for arn in &arns {
        if policies::managed(&cx.client, arn).await?.is_none() {
            return Err(AwsError::new("ValidationError", format!("The policy {arn} does not exist or is not attachable.")).into());
        }
    }
    Ok(arns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::Caller;
    use aws_service::policy::{Context, PolicySet};
    use meta::Time;

    fn request(input: Doc, principal: Principal, own: &str) -> Request {
        let identity = if own.is_empty() { vec![] } else { vec![PolicyDocument::parse_identity(own).expect("a valid policy")] };
        let caller = Caller {
            account: "1".into(),
            arn: "arn:aws:iam::1:user/alice".into(),
            user_id: "AIDA".into(),
            access_key_id: "AKIA".into(),
            principal,
            policies: PolicySet { identity, session: vec![] },
        };
        Request {
            operation: "AssumeRole",
            caller,
            region: "us-east-1".into(),
            input,
            request_id: "r".into(),
            now: Time::from_unix(0),
            context: Context::default(),
        }
    }

    fn user() -> Principal {
        Principal::User { name: "alice".into() }
    }

    fn session() -> Principal {
        let own = |text: &str| text.to_owned();
        Principal::AssumedRole { role_name: own("r"), role_arn: own("a"), session_name: own("s"), expires: Time::from_unix(9) }
    }

    #[test]
    fn durations_have_bounds() {
        for (asked, principal, maximum, expected) in [
            (json!(null), user(), 3600, Some(3600)),
            (json!(900), user(), 3600, Some(900)),
            (json!(899), user(), 3600, None),
            (json!(7200), user(), 3600, None),
            (json!(7200), user(), 43200, Some(7200)),
            (json!(7200), session(), 43200, None),
        ] {
            let request = request(json!({"DurationSeconds": asked}), principal, "");
            assert_eq!(duration(&request, maximum).ok(), expected, "{asked}");
        }
    }

    #[test]
    fn trust_and_own_policies_decide_together() {
        let role = "arn:aws:iam::1:role/viewer";
        let allow = r#"{"Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}"#;
        let deny = r#"{"Statement":{"Effect":"Deny","Action":"sts:*","Resource":"*"}}"#;
        for (principal, own, condition, expected) in [
            (r#"{"AWS":"arn:aws:iam::1:root"}"#, allow, "", true),
            (r#"{"AWS":"arn:aws:iam::1:root"}"#, "", "", false),
            (r#"{"AWS":"arn:aws:iam::1:user/alice"}"#, "", "", true),
            (r#"{"AWS":"arn:aws:iam::1:user/alice"}"#, deny, "", false),
            (r#"{"AWS":"arn:aws:iam::1:user/bob"}"#, allow, "", false),
            (r#"{"AWS":"arn:aws:iam::1:user/alice"}"#, "", r#","Condition":{"StringEquals":{"sts:ExternalId":"x"}}"#, true),
            (r#"{"AWS":"arn:aws:iam::1:user/alice"}"#, "", r#","Condition":{"StringEquals":{"sts:ExternalId":"y"}}"#, false),
        ] {
            let text =
                format!(r#"{{"Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{principal}{condition}}}}}"#);
            let policy = PolicyDocument::parse_trust(&text).expect("a valid trust policy");
            let request = request(json!({"RoleSessionName": "s", "ExternalId": "x"}), user(), own);
            assert_eq!(may_assume(&policy, &request, role), expected, "{text} {own}");
        }
    }
}
