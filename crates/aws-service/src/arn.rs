//! Amazon Resource Names.

use std::fmt;

/// `arn:partition:service:region:account:resource`; the resource may hold further colons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    pub partition: String,
    pub service: String,
    pub region: String,
    pub account: String,
    pub resource: String,
}

impl Arn {
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else { return None };
        let own = |part: &str| part.to_owned();
        let named = !partition.is_empty() && !service.is_empty() && !resource.is_empty();
        named.then(|| Self {
            partition: own(partition),
            service: own(service),
            region: own(region),
            account: own(account),
            resource: own(resource),
        })
    }

    pub fn iam(account: &str, resource: impl Into<String>) -> Self {
        Self::regional("iam", "", account, resource)
    }

    pub fn regional(service: &str, region: &str, account: &str, resource: impl Into<String>) -> Self {
        let partition = if region.starts_with("cn-") { "aws-cn" } else { "aws" };
        Self {
            partition: partition.into(),
            service: service.into(),
            region: region.into(),
            account: account.into(),
            resource: resource.into(),
        }
    }

    /// The last part of a path: `role/a/b/Name` -> `Name`.
    pub fn name(&self) -> &str {
        self.resource.rsplit('/').next().unwrap_or(&self.resource)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:{}:{}:{}:{}", self.partition, self.service, self.region, self.account, self.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_parse_and_print() {
        for text in
            ["arn:aws:iam::123456789012:role/a/b/Name", "arn:aws:eks:us-east-1:123456789012:cluster/c", "arn:aws:logs:r:1:a:b:c"]
        {
            assert_eq!(Arn::parse(text).map(|arn| arn.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Arn::parse("arn:aws:iam::1:role/a/b/Name").as_ref().map(Arn::name), Some("Name"));
        for text in ["", "arn:aws:iam", "role/x", "arn::iam::1:role/x", "arn:aws:iam::1:"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }
}
