//! Condition operators.

use super::Context;
use super::document::MalformedPolicy;
use super::pattern::Pattern;
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    ArnLike,
    Numeric(Order),
    Date(Order),
    Bool,
    IpAddress,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    /// The key holds one value.
    Single,
    Any,
    All,
}

/// One operator over one key.
#[derive(Clone, Debug)]
pub struct Condition {
    test: Test,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
    key: String,
    values: Vec<String>,
}

impl Condition {
    pub fn parse(operator: &str, key: &str, values: Vec<String>) -> Result<Self, MalformedPolicy> {
        let invalid = || MalformedPolicy(format!("Invalid Condition type : {operator}"));
        let (quantifier, name) = match operator.split_once(':') {
            None => (Quantifier::Single, operator),
            Some(("ForAnyValue", name)) => (Quantifier::Any, name),
            Some(("ForAllValues", name)) => (Quantifier::All, name),
            Some(_) => return Err(invalid()),
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (test, negated) = named(name).ok_or_else(invalid)?;
        Ok(Self { test, negated, if_exists, quantifier, key: key.to_owned(), values })
    }

    pub fn holds(&self, context: &Context) -> bool {
        let present = context.get(&self.key);
        if self.test == Test::Null {
            return self.values.iter().any(|wanted| (wanted == "true") == present.is_empty());
        }
        if present.is_empty() {
            return self.if_exists || self.negated || self.quantifier == Quantifier::All;
        }
        let holds = |value: &String| self.any_matches(value, context) != self.negated;
        match self.quantifier {
            Quantifier::Any => present.iter().any(holds),
            Quantifier::All => present.iter().all(holds),
            // A negated operator must hold for every value, a plain one for any.
            Quantifier::Single if self.negated => present.iter().all(holds),
            Quantifier::Single => present.iter().any(holds),
        }
    }

    fn any_matches(&self, value: &str, context: &Context) -> bool {
        self.values.iter().any(|wanted| self.matches(wanted, value, context))
    }

    fn matches(&self, wanted: &str, value: &str, context: &Context) -> bool {
        let pattern = || Pattern::new(wanted, context);
        match self.test {
            Test::StringEquals => pattern().is_some_and(|p| p.equals(value)),
            Test::StringEqualsIgnoreCase => {
                pattern().is_some_and(|p| p.matches_ignoring_case(value) && !wanted.contains(['*', '?']))
            }
            Test::StringLike => pattern().is_some_and(|p| p.matches(value)),
            Test::ArnLike => pattern().is_some_and(|p| p.matches_arn(value)),
            Test::Bool => wanted.eq_ignore_ascii_case(value),
            Test::Numeric(order) => ordered(order, value.parse::<f64>().ok(), wanted.parse::<f64>().ok()),
            Test::Date(order) => ordered(order, moment(value), moment(wanted)),
            Test::IpAddress => within(wanted, value),
            Test::Null => false,
        }
    }
}

fn named(name: &str) -> Option<(Test, bool)> {
    let order = |name: &str| {
        Some(match name {
            "Equals" | "NotEquals" => Order::Equal,
            "LessThan" => Order::Less,
            "LessThanEquals" => Order::LessOrEqual,
            "GreaterThan" => Order::Greater,
            "GreaterThanEquals" => Order::GreaterOrEqual,
            _ => return None,
        })
    };
    Some(match name {
        "StringEquals" => (Test::StringEquals, false),
        "StringNotEquals" => (Test::StringEquals, true),
        "StringEqualsIgnoreCase" => (Test::StringEqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Test::StringEqualsIgnoreCase, true),
        "StringLike" => (Test::StringLike, false),
        "StringNotLike" => (Test::StringLike, true),
        "ArnEquals" | "ArnLike" => (Test::ArnLike, false),
        "ArnNotEquals" | "ArnNotLike" => (Test::ArnLike, true),
        "Bool" => (Test::Bool, false),
        "IpAddress" => (Test::IpAddress, false),
        "NotIpAddress" => (Test::IpAddress, true),
        "Null" => (Test::Null, false),
        other => match (other.strip_prefix("Numeric"), other.strip_prefix("Date")) {
            (Some(rest), _) => (Test::Numeric(order(rest)?), rest == "NotEquals"),
            (_, Some(rest)) => (Test::Date(order(rest)?), rest == "NotEquals"),
            _ => return None,
        },
    })
}

fn ordered<T: PartialOrd>(order: Order, value: Option<T>, wanted: Option<T>) -> bool {
    let (Some(value), Some(wanted)) = (value, wanted) else { return false };
    match order {
        Order::Equal => value == wanted,
        Order::Less => value < wanted,
        Order::LessOrEqual => value <= wanted,
        Order::Greater => value > wanted,
        Order::GreaterOrEqual => value >= wanted,
    }
}

/// Seconds since the epoch, or a date as ISO 8601 writes it.
fn moment(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let midnight = || meta::Time::parse(&format!("{text}T00:00:00Z"));
    meta::Time::parse(text).or_else(midnight).map(meta::Time::unix_fraction)
}

/// `10.0.0.0/8` or a bare address.
fn within(range: &str, address: &str) -> bool {
    let (network, bits) = match range.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<u32>().ok()),
        None => (range, None),
    };
    match (network.parse(), address.parse()) {
        (Ok(IpAddr::V4(network)), Ok(IpAddr::V4(address))) => {
            let shift = 32u32.saturating_sub(bits.unwrap_or(32));
            u32::from(network).checked_shr(shift).unwrap_or(0) == u32::from(address).checked_shr(shift).unwrap_or(0)
        }
        (Ok(IpAddr::V6(network)), Ok(IpAddr::V6(address))) => {
            let shift = 128u32.saturating_sub(bits.unwrap_or(128));
            u128::from(network).checked_shr(shift).unwrap_or(0) == u128::from(address).checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        let context = Context::default()
            .with("aws:username", "alice")
            .with("aws:SourceIp", "10.1.2.3")
            .with("aws:CurrentTime", "2026-11-20T10:00:00Z")
            .with("aws:SecureTransport", "false")
            .with("aws:PrincipalArn", "arn:aws:iam::1:role/ops/deploy")
            .with("eks:n", "7")
            .with("aws:TagKeys", "team")
            .with("aws:TagKeys", "stage");
        for (operator, key, values, expected) in [
            ("StringEquals", "AWS:UserName", vec!["bob", "alice"], true),
            ("StringNotEquals", "aws:username", vec!["bob", "alice"], false),
            ("StringEquals", "aws:username", vec!["al*"], false),
            ("StringLike", "aws:username", vec!["al*"], true),
            ("StringEqualsIgnoreCase", "aws:username", vec!["ALICE"], true),
            ("StringEquals", "aws:absent", vec!["x"], false),
            ("StringEqualsIfExists", "aws:absent", vec!["x"], true),
            ("StringNotEquals", "aws:absent", vec!["x"], true),
            ("ArnLike", "aws:PrincipalArn", vec!["arn:aws:iam::*:role/ops/*"], true),
            ("ArnNotLike", "aws:PrincipalArn", vec!["arn:aws:iam::*:role/ops/*"], false),
            ("Bool", "aws:SecureTransport", vec!["true"], false),
            ("IpAddress", "aws:SourceIp", vec!["10.0.0.0/8"], true),
            ("NotIpAddress", "aws:SourceIp", vec!["10.0.0.0/8"], false),
            ("IpAddress", "aws:SourceIp", vec!["0.0.0.0/0"], true),
            ("IpAddress", "aws:SourceIp", vec!["10.1.2.4"], false),
            ("DateLessThan", "aws:CurrentTime", vec!["2026-11-21T00:00:00Z"], true),
            ("DateGreaterThan", "aws:CurrentTime", vec!["2026-11-21"], false),
            ("NumericLessThanEquals", "eks:n", vec!["7"], true),
            ("NumericNotEquals", "eks:n", vec!["7"], false),
            ("Null", "aws:absent", vec!["true"], true),
            ("Null", "aws:username", vec!["true"], false),
            ("ForAllValues:StringEquals", "aws:TagKeys", vec!["team", "stage", "x"], true),
            ("ForAllValues:StringEquals", "aws:TagKeys", vec!["team"], false),
            ("ForAnyValue:StringEquals", "aws:TagKeys", vec!["team"], true),
            ("ForAllValues:StringEquals", "aws:absent", vec!["team"], true),
            ("ForAnyValue:StringEquals", "aws:absent", vec!["team"], false),
        ] {
            let condition = Condition::parse(operator, key, values.iter().map(ToString::to_string).collect()).expect(operator);
            assert_eq!(condition.holds(&context), expected, "{operator} {key} {values:?}");
        }
    }
}
