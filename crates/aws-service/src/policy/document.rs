//! A policy document, parsed.

use super::condition::Condition;
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    Only(Vec<String>),
    Except(Vec<String>),
}

/// Who a resource-based statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principals {
    /// `NotPrincipal`.
    pub negated: bool,
    /// (`AWS`, `Service`, `Federated` or `*`, value).
    pub entries: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Statement {
    pub effect: Effect,
    pub principals: Option<Principals>,
    pub actions: Listed,
    /// Absent in trust policies.
    pub resources: Option<Listed>,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
pub struct PolicyDocument {
    pub statements: Vec<Statement>,
}

/// Why a text is no policy; services answer `MalformedPolicyDocument` with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedPolicy(pub String);

fn malformed<T>(why: impl Into<String>) -> Result<T, MalformedPolicy> {
    Err(MalformedPolicy(why.into()))
}

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];
const MEMBERS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

impl PolicyDocument {
    /// A policy of an identity: statements name resources and no principals.
    pub fn parse_identity(text: &str) -> Result<Self, MalformedPolicy> {
        let policy = Self::parse(text)?;
        if policy.statements.iter().any(|s| s.principals.is_some()) {
            return malformed("Policy document should not specify a principal.");
        }
        if policy.statements.iter().any(|s| s.resources.is_none()) {
            return malformed("Policy statement must contain resources.");
        }
        Ok(policy)
    }

    /// A role's trust policy: statements name principals and no resources.
    pub fn parse_trust(text: &str) -> Result<Self, MalformedPolicy> {
        let policy = Self::parse(text)?;
        if policy.statements.iter().any(|s| s.principals.is_none()) {
            return malformed("Missing required field Principal");
        }
        if policy.statements.iter().any(|s| s.resources.is_some()) {
            return malformed("Has prohibited field Resource");
        }
        Ok(policy)
    }

    fn parse(text: &str) -> Result<Self, MalformedPolicy> {
        let Ok(Value::Object(root)) = serde_json::from_str(text) else {
            return malformed("This policy contains invalid Json");
        };
        if let Some(key) = root.keys().find(|key| !["Version", "Id", "Statement"].contains(&key.as_str())) {
            return malformed(format!("Has prohibited field {key}"));
        }
        match root.get("Version") {
            None => {}
            Some(Value::String(version)) if VERSIONS.contains(&version.as_str()) => {}
            Some(_) => return malformed("The policy must contain a valid version string"),
        }
        let statements = match root.get("Statement") {
            Some(Value::Array(list)) if !list.is_empty() => list.iter().map(statement).collect::<Result<_, _>>()?,
            Some(one @ Value::Object(_)) => vec![statement(one)?],
            _ => return malformed("Missing required field Statement"),
        };
        Ok(Self { statements })
    }
}

fn statement(value: &Value) -> Result<Statement, MalformedPolicy> {
    let Value::Object(map) = value else { return malformed("Syntax errors in policy.") };
    if let Some(key) = map.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        return malformed(format!("Has prohibited field {key}"));
    }
    let effect = match map.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(other) => return malformed(format!("Invalid effect: {other}")),
        None => return malformed("Missing required field Effect"),
    };
    let Some(actions) = listed(map, "Action", "NotAction")? else {
        return malformed("Missing required field Action");
    };
    if let Listed::Only(names) | Listed::Except(names) = &actions
        && let Some(bad) = names.iter().find(|name| *name != "*" && !name.contains(':'))
    {
        return malformed(format!("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {bad}"));
    }
    Ok(Statement {
        effect,
        principals: principals(map)?,
        actions,
        resources: listed(map, "Resource", "NotResource")?,
        conditions: conditions(map.get("Condition"))?,
    })
}

fn listed(map: &Map<String, Value>, only: &str, except: &str) -> Result<Option<Listed>, MalformedPolicy> {
    match (map.get(only), map.get(except)) {
        (Some(_), Some(_)) => malformed(format!("Statement has both {only} and {except}")),
        (Some(value), None) => Ok(Some(Listed::Only(texts(value)?))),
        (None, Some(value)) => Ok(Some(Listed::Except(texts(value)?))),
        (None, None) => Ok(None),
    }
}

/// One text or a list of texts; conditions also write booleans and numbers bare.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, MalformedPolicy> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => malformed("Syntax errors in policy."),
    };
    match value {
        Value::Array(list) => list.iter().map(one).collect(),
        single => Ok(vec![one(single)?]),
    }
}

fn principals(map: &Map<String, Value>) -> Result<Option<Principals>, MalformedPolicy> {
    let (value, negated) = match (map.get("Principal"), map.get("NotPrincipal")) {
        (Some(_), Some(_)) => return malformed("Statement has both Principal and NotPrincipal"),
        (Some(value), None) => (value, false),
        (None, Some(value)) => (value, true),
        (None, None) => return Ok(None),
    };
    let mut entries = Vec::new();
    match value {
        Value::String(all) if all == "*" => entries.push(("*".to_owned(), "*".to_owned())),
        Value::Object(kinds) => {
            for (kind, named) in kinds {
                if !["AWS", "Service", "Federated", "CanonicalUser"].contains(&kind.as_str()) {
                    return malformed(format!("Invalid principal in policy: {kind:?}"));
                }
                entries.extend(texts(named)?.into_iter().map(|name| (kind.clone(), name)));
            }
        }
        _ => return malformed("Invalid principal in policy"),
    }
    Ok(Some(Principals { negated, entries }))
}

fn conditions(value: Option<&Value>) -> Result<Vec<Condition>, MalformedPolicy> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let Value::Object(operators) = value else { return malformed("Syntax errors in policy.") };
    let mut out = Vec::new();
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else { return malformed("Syntax errors in policy.") };
        for (key, values) in keys {
            out.push(Condition::parse(operator, key, texts(values)?)?);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_documents_say_why() {
        for (text, why) in [
            ("{", "This policy contains invalid Json"),
            ("[]", "This policy contains invalid Json"),
            (r#"{"Statement":[]}"#, "Missing required field Statement"),
            (r#"{"Version":"2011","Statement":{}}"#, "The policy must contain a valid version string"),
            (r#"{"Statement":{"Action":"*","Resource":"*"}}"#, "Missing required field Effect"),
            (r#"{"Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}"#, "Invalid effect: Maybe"),
            (r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#, "Missing required field Action"),
            (r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#, "Policy statement must contain resources."),
            (r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","X":1}}"#, "Has prohibited field X"),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"List","Resource":"*"}}"#,
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: List",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}"#,
                "Policy document should not specify a principal.",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Sounds":{"a:b":"c"}}}}"#,
                "Invalid Condition type : Sounds",
            ),
        ] {
            let outcome = PolicyDocument::parse_identity(text).map(|_| ());
            assert_eq!(outcome, Err(MalformedPolicy(why.into())), "{text}");
        }
    }
}
