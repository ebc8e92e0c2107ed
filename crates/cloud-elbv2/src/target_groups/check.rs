//! What a target group may be.

use crate::failures::{configuration, invalid, unsupported};
use aws_wire::AwsError;

/// What targets may be named by.
pub const TARGET_TYPES: [&str; 2] = ["instance", "ip"];

pub fn protocol(protocol: &str) -> Result<(), AwsError> {
    match protocol {
        "TCP" | "UDP" | "TCP_UDP" => Ok(()),
        other => Err(unsupported(&format!("Target group protocol '{other}'"))),
    }
}

pub fn target_type(target_type: &str) -> Result<(), AwsError> {
    match TARGET_TYPES.contains(&target_type) {
        true => Ok(()),
        false => Err(unsupported(&format!("Target type '{target_type}'"))),
    }
}

/// Names of load balancers and target groups follow one rule.
pub fn name(what: &str, name: &str) -> Result<(), AwsError> {
    if name.is_empty() || name.len() > 32 {
        return Err(invalid(format!("{what} name '{name}' cannot be longer than '32' characters")));
    }
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !plain {
        return Err(invalid(format!(
            "{what} name '{name}' can only contain characters that are alphanumeric characters or hyphens(-)"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(invalid(format!("{what} name '{name}' cannot begin or end with '-'")));
    }
    if name.starts_with("internal-") {
        return Err(configuration(format!("{what} name '{name}' cannot begin with 'internal-'")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "a".repeat(33);
        for (text, ok) in
            [("web-1", true), ("", false), ("-a", false), ("a-", false), ("a_b", false), ("internal-a", false), (&long, false)]
        {
            assert_eq!(name("Load balancer", text).is_ok(), ok, "{text}");
        }
    }
}
