//! Names of this service's resources: an ARN ends with the record's id.

use crate::failures::invalid;
use aws_service::{Arn, Random, Request, ids};
use aws_wire::AwsError;

const SERVICE: &str = "elasticloadbalancing";
pub const ID_LENGTH: usize = 16;

pub fn new_id(random: &dyn Random) -> String {
    ids::hex(random, ID_LENGTH)
}

/// Where records live, as far as their ARNs go.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub account: &'a str,
    pub region: &'a str,
}

impl<'a> Place<'a> {
    pub fn of(request: &'a Request) -> Self {
        Self { account: request.account(), region: &request.region }
    }

    fn arn(self, resource: String) -> String {
        Arn::regional(SERVICE, self.region, self.account, resource).to_string()
    }

    pub fn load_balancer(self, name: &str, id: &str) -> String {
        self.arn(format!("loadbalancer/net/{name}/{id}"))
    }

    pub fn target_group(self, name: &str, id: &str) -> String {
        self.arn(format!("targetgroup/{name}/{id}"))
    }
}

/// `listener/net/<name>/<load balancer's id>/<id>`, from its load balancer's ARN.
pub fn listener(load_balancer: &str, id: &str) -> String {
    format!("{}/{id}", load_balancer.replacen(":loadbalancer/", ":listener/", 1))
}

/// What an ARN names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By record names.
    LoadBalancer(String),
    Listener(String),
    TargetGroup(String),
}

/// `None` for an ARN of another service, or of a resource that this one does not store.
pub fn parse(text: &str) -> Option<Named> {
    let arn = Arn::parse(text).filter(|arn| arn.service == SERVICE)?;
    let is_id = |id: &str| id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let parts: Vec<&str> = arn.resource.split('/').collect();
    match parts[..] {
        ["loadbalancer", "net", _, id] if is_id(id) => Some(Named::LoadBalancer(id.to_owned())),
        ["listener", "net", _, owner, id] if is_id(owner) && is_id(id) => Some(Named::Listener(format!("{owner}.{id}"))),
        ["targetgroup", _, id] if is_id(id) => Some(Named::TargetGroup(id.to_owned())),
        _ => None,
    }
}

/// ELB tells an ARN that is none from one that names nothing.
pub fn check(text: &str, kind: &str) -> Result<(), AwsError> {
    match Arn::parse(text).is_some_and(|arn| arn.service == SERVICE) {
        true => Ok(()),
        false => Err(invalid(format!("'{text}' is not a valid {kind} ARN"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_records() {
        let place = Place { account: "1", region: "us-east-1" };
        let (id, other) = ("0123456789abcdef", "fedcba9876543210");
        let balancer = place.load_balancer("web", id);
        assert_eq!(balancer, "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/web/0123456789abcdef");
        assert_eq!(parse(&balancer), Some(Named::LoadBalancer(id.into())));
        assert_eq!(parse(&listener(&balancer, other)), Some(Named::Listener(format!("{id}.{other}"))));
        assert_eq!(parse(&place.target_group("web", id)), Some(Named::TargetGroup(id.into())));
        for text in
            ["", "arn:aws:ec2:r:1:loadbalancer/net/web/0123456789abcdef", &balancer.replace("/net/", "/app/"), &balancer[..50]]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
