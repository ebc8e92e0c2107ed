//! Each service's own code and wording for an input it refuses.

use serde_json::Value;

use super::check::{Rule, Violation};
use crate::error::AwsError;
use crate::model::{Model, Protocol};

pub(super) fn error(model: &Model, violations: &[Violation<'_>]) -> Option<AwsError> {
    let first = violations.first()?;
    Some(match (model.service(), model.protocol()) {
        (_, Protocol::Ec2) => ec2(first),
        ("eks", _) => AwsError::modelled(model, "InvalidParameterException", eks(first)),
        ("ecr", _) => AwsError::modelled(model, "InvalidParameterException", ecr(first)),
        (service, protocol) => AwsError::new(code(service, protocol), coral(violations)),
    })
}

fn code(service: &str, protocol: Protocol) -> &'static str {
    match (service, protocol) {
        ("logs" | "eks-auth", _) => "InvalidParameterException",
        (_, Protocol::RestXml) => "InvalidInput",
        (_, Protocol::Query) => "ValidationError",
        _ => "ValidationException",
    }
}

/// The wording of most services' framework.
fn coral(violations: &[Violation<'_>]) -> String {
    let noun = if violations.len() == 1 { "error" } else { "errors" };
    let each: Vec<String> = violations.iter().map(coral_one).collect();
    format!("{} validation {noun} detected: {}", violations.len(), each.join("; "))
}

fn coral_one(violation: &Violation<'_>) -> String {
    let shown = if violation.shape.sensitive { "Value".to_owned() } else { format!("Value {}", shown(&violation.value)) };
    format!("{shown} at '{}' failed to satisfy constraint: Member {}", violation.property, constraint(violation))
}

fn constraint(violation: &Violation<'_>) -> String {
    let shape = violation.shape;
    let (min, max) = limits(violation);
    match violation.rule {
        Rule::Required => "must not be null".to_owned(),
        Rule::Enum => format!("must satisfy enum value set: [{}]", shape.values.join(", ")),
        Rule::Pattern => format!("must satisfy regular expression pattern: {}", pattern(violation)),
        Rule::MinLength => format!("must have length greater than or equal to {min}"),
        Rule::MaxLength => format!("must have length less than or equal to {max}"),
        Rule::MinValue => format!("must have value greater than or equal to {min}"),
        Rule::MaxValue => format!("must have value less than or equal to {max}"),
    }
}

fn pattern<'a>(violation: &'a Violation<'_>) -> &'a str {
    violation.shape.pattern.as_deref().unwrap_or_default()
}

fn limits(violation: &Violation<'_>) -> (String, String) {
    let print = |limit: &Option<serde_json::Number>| limit.as_ref().map(ToString::to_string).unwrap_or_default();
    (print(&violation.shape.min), print(&violation.shape.max))
}

/// Strings in quotes, lists and maps as Java prints them; long values are cut.
fn shown(value: &Value) -> String {
    fn plain(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
            Value::Object(fields) => {
                let pairs = fields.iter().map(|(key, value)| format!("{key}={}", plain(value)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }
    let text: String = plain(value).chars().take(256).collect();
    if value.is_null() { text } else { format!("'{text}'") }
}

fn ec2(violation: &Violation<'_>) -> AwsError {
    let name = &violation.parameter;
    let (min, max) = limits(violation);
    let text = if violation.shape.sensitive { String::new() } else { shown(&violation.value).trim_matches('\'').to_owned() };
    let invalid = |reason: String| {
        AwsError::new("InvalidParameterValue", format!("Value ({text}) for parameter {name} is invalid. {reason}"))
    };
    match violation.rule {
        Rule::Required => AwsError::new("MissingParameter", format!("The request must contain the parameter {name}")),
        Rule::Enum => AwsError::new("InvalidParameterValue", format!("Invalid value '{text}' for {name}.")),
        Rule::Pattern => invalid(format!("It must match the pattern {}.", pattern(violation))),
        Rule::MinLength => invalid(format!("Its length must be at least {min}.")),
        Rule::MaxLength => invalid(format!("Its length must be at most {max}.")),
        Rule::MinValue => invalid(format!("Expecting a value of at least {min}.")),
        Rule::MaxValue => invalid(format!("Expecting a value of at most {max}.")),
    }
}

/// EKS says it in sentences of its own.
fn eks(violation: &Violation<'_>) -> String {
    let name = &violation.property;
    let (min, max) = limits(violation);
    let words = words(violation.property.rsplit('.').next().unwrap_or_default());
    match violation.rule {
        Rule::Required => format!("{name} cannot be null."),
        Rule::Pattern => format!(
            "The parameter {name} contains invalid characters. It should conform to the regular expression \"{}\"",
            pattern(violation)
        ),
        Rule::Enum => format!("{name} must be one of: {}.", violation.shape.values.join(", ")),
        Rule::MinLength | Rule::MaxLength if !max.is_empty() => {
            let min = if min.is_empty() { "0" } else { &min };
            let unit = if violation.value.is_string() { "characters" } else { "elements" };
            format!("The {words} parameter must be between {min} and {max} {unit}.")
        }
        Rule::MinLength | Rule::MaxLength => format!("The {words} parameter must have at least {min} elements or characters."),
        Rule::MinValue => format!("The {words} parameter must be greater than or equal to {min}."),
        Rule::MaxValue => format!("The {words} parameter must be less than or equal to {max}."),
    }
}

/// `clientRequestToken` as `client request token`.
fn words(property: &str) -> String {
    let mut out = String::new();
    for c in property.chars() {
        if c.is_ascii_uppercase() {
            out.push(' ');
        }
        out.push(c.to_ascii_lowercase());
    }
    out.trim_start().to_owned()
}

fn ecr(violation: &Violation<'_>) -> String {
    let constraint = match violation.rule {
        Rule::Pattern => format!("must satisfy regular expression '{}'", pattern(violation)),
        _ => constraint(violation),
    };
    format!("Invalid parameter at '{}' failed to satisfy constraint: '{constraint}'", violation.property)
}
