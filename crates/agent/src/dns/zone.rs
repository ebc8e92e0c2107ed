//! What a VPC's resolver knows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Where AWS's own names live.
const AWS_DOMAIN: &str = "amazonaws.com";

/// Addresses by name, in lower case.
pub type Names = BTreeMap<String, Vec<Ipv4Addr>>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    pub region: String,
    /// Primary addresses of the network interfaces.
    pub hosts: BTreeSet<Ipv4Addr>,
    /// Where every AWS service answers.
    pub aws_endpoint: Option<Ipv4Addr>,
    /// All that there are of them.
    pub load_balancers: Names,
}

/// What a name or an address has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Addresses(Vec<Ipv4Addr>),
    Name(String),
    Nothing,
}

/// The domain of private names: EC2's oldest region has one of its own.
pub fn domain(region: &str) -> String {
    match region {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    }
}

/// `ip-10-0-1-23.ec2.internal`
pub fn host_name(address: Ipv4Addr, region: &str) -> String {
    let [a, b, c, d] = address.octets();
    format!("ip-{a}-{b}-{c}-{d}.{}", domain(region))
}

impl Zone {
    /// `name` is in lower case, without a dot at its end.
    pub fn find(&self, name: &str) -> Found {
        if let Some(reversed) = name.strip_suffix(".in-addr.arpa") {
            return self.reverse(reversed);
        }
        if let Some(addresses) = self.load_balancers.get(name) {
            return Found::Addresses(addresses.clone());
        }
        let address = match name.split_once('.') {
            Some((label, rest)) if rest == domain(&self.region) => self.host(label),
            _ if self.is_aws(name) && !self.is_load_balancers(name) => self.aws_endpoint,
            _ => None,
        };
        address.map_or(Found::Nothing, |address| Found::Addresses(vec![address]))
    }

    /// `web-0123456789abcdef.elb.us-east-1.amazonaws.com`
    fn is_load_balancers(&self, name: &str) -> bool {
        name.strip_suffix(&format!("{}.{AWS_DOMAIN}", self.region)).is_some_and(|rest| rest.ends_with(".elb."))
    }

    fn host(&self, label: &str) -> Option<Ipv4Addr> {
        let address = label.strip_prefix("ip-")?.replace('-', ".").parse().ok()?;
        self.hosts.contains(&address).then_some(address)
    }

    fn reverse(&self, reversed: &str) -> Found {
        let labels: Vec<&str> = reversed.rsplit('.').collect();
        match labels.join(".").parse() {
            Ok(address) if self.hosts.contains(&address) => Found::Name(host_name(address, &self.region)),
            _ => Found::Nothing,
        }
    }

    /// `sts.amazonaws.com`, and anything in the region's own domain.
    fn is_aws(&self, name: &str) -> bool {
        let Some(rest) = name.strip_suffix(AWS_DOMAIN).and_then(|rest| rest.strip_suffix('.')) else { return false };
        let regional = rest.strip_suffix(&*self.region).is_some_and(|service| service.ends_with('.'));
        regional || (!rest.is_empty() && !rest.contains('.') && rest != self.region)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const ENDPOINT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

    pub fn zone(region: &str) -> Zone {
        let web = [Ipv4Addr::new(10, 0, 1, 50), Ipv4Addr::new(10, 0, 2, 50)];
        Zone {
            region: region.into(),
            hosts: BTreeSet::from([Ipv4Addr::new(10, 0, 1, 23)]),
            aws_endpoint: Some(ENDPOINT),
            load_balancers: Names::from([("web-1.elb.us-east-1.amazonaws.com".into(), web.into())]),
        }
    }

    #[test]
    fn names_that_a_vpc_knows() {
        let host = Found::Addresses(vec![Ipv4Addr::new(10, 0, 1, 23)]);
        let aws = Found::Addresses(vec![ENDPOINT]);
        let web = Found::Addresses(vec![Ipv4Addr::new(10, 0, 1, 50), Ipv4Addr::new(10, 0, 2, 50)]);
        let known = |name: &str| Found::Name(name.into());
        for (region, name, expected) in [
            ("us-east-1", "ip-10-0-1-23.ec2.internal", host.clone()),
            ("eu-west-1", "ip-10-0-1-23.eu-west-1.compute.internal", host),
            ("eu-west-1", "ip-10-0-1-23.ec2.internal", Found::Nothing),
            ("us-east-1", "ip-10-0-1-24.ec2.internal", Found::Nothing),
            ("us-east-1", "ec2.internal", Found::Nothing),
            ("us-east-1", "23.1.0.10.in-addr.arpa", known("ip-10-0-1-23.ec2.internal")),
            ("eu-west-1", "23.1.0.10.in-addr.arpa", known("ip-10-0-1-23.eu-west-1.compute.internal")),
            ("us-east-1", "24.1.0.10.in-addr.arpa", Found::Nothing),
            ("us-east-1", "1.0.10.in-addr.arpa", Found::Nothing),
            ("us-east-1", "sts.us-east-1.amazonaws.com", aws.clone()),
            ("us-east-1", "123456789012.dkr.ecr.us-east-1.amazonaws.com", aws.clone()),
            ("us-east-1", "sts.amazonaws.com", aws.clone()),
            ("us-east-1", "web-1.elb.us-east-1.amazonaws.com", web),
            ("us-east-1", "web-2.elb.us-east-1.amazonaws.com", Found::Nothing),
            ("us-east-1", "elb.us-east-1.amazonaws.com", aws.clone()),
            ("us-east-1", "sts.eu-west-1.amazonaws.com", Found::Nothing),
            ("us-east-1", "us-east-1.amazonaws.com", Found::Nothing),
            ("us-east-1", "xus-east-1.amazonaws.com", aws),
            ("us-east-1", "amazonaws.com", Found::Nothing),
            ("us-east-1", "sts.xamazonaws.com", Found::Nothing),
            ("us-east-1", "example.com", Found::Nothing),
            ("us-east-1", "", Found::Nothing),
        ] {
            assert_eq!(zone(region).find(name), expected, "{region} {name}");
        }
    }
}
