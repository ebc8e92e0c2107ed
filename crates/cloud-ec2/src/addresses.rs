//! The addresses of subnets. Taking one is creating its claim, so that no two takers ever get the same, whoever they are.

use crate::records::{API_VERSION, INTERFACE_LABEL, PRIVATE_ADDRESSES, SUBNET_LABEL};
use aws_service::Random;
use client::{Client, DeleteOptions, Options, Preconditions};
use meta::{Doc, Reason, Status};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Before all claims of a subnet are looked at: at a random address of a subnet that is half full, one try in two
/// succeeds, so that this many fail once in 65,000 times.
const BLIND_TRIES: usize = 16;
/// The network's own, the router's, the DNS server's and one for later at the beginning; the broadcast address at the end.
const RESERVED_FIRST: u32 = 4;
const RESERVED: u32 = RESERVED_FIRST + 1;

/// The addresses of a subnet that interfaces may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    base: u32,
    size: u32,
}

impl Block {
    /// `None` for text that is no block of AWS's sizes, /16 to /28.
    pub fn parse(cidr: &str) -> Option<Self> {
        let (address, length) = cidr.split_once('/')?;
        let length: u32 = length.parse().ok().filter(|length| (16..=28).contains(length))?;
        let size = 1 << (32 - length);
        let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
        Some(Self { base: address & !(size - 1), size })
    }

    /// How many there are.
    pub fn usable(self) -> u32 {
        self.size - RESERVED
    }

    fn at(self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.base + RESERVED_FIRST + index % self.usable())
    }

    pub fn contains(self, address: Ipv4Addr) -> bool {
        let offset = u32::from(address).wrapping_sub(self.base);
        (RESERVED_FIRST..self.size - 1).contains(&offset)
    }
}

/// Where addresses are taken from, and for whom.
pub struct Taker<'a> {
    pub client: &'a Client,
    pub random: &'a dyn Random,
    pub namespace: &'a str,
    pub subnet_id: &'a str,
    pub block: Block,
    pub interface_id: &'a str,
}

impl Taker<'_> {
    /// A free address, at random as EC2 chooses; `None` when all are taken.
    pub async fn any(&self) -> Result<Option<Ipv4Addr>, Status> {
        for _ in 0..BLIND_TRIES {
            let address = self.block.at(self.number());
            if self.exactly(address).await? {
                return Ok(Some(address));
            }
        }
        let taken: BTreeSet<Ipv4Addr> = self.taken().await?;
        let start = self.number() % self.block.usable();
        let all = (0..self.block.usable()).map(|index| self.block.at(start + index));
        for address in all.filter(|address| !taken.contains(address)) {
            if self.exactly(address).await? {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    /// This very address; says whether it was free.
    pub async fn exactly(&self, address: Ipv4Addr) -> Result<bool, Status> {
        let claim = json!({
            "apiVersion": API_VERSION, "kind": "PrivateAddress",
            "metadata": {
                "name": claim_name(self.subnet_id, address),
                "labels": {SUBNET_LABEL: self.subnet_id, INTERFACE_LABEL: self.interface_id},
            },
            "spec": {"subnetId": self.subnet_id, "address": address, "networkInterfaceId": self.interface_id},
        });
        match self.client.create(PRIVATE_ADDRESSES, self.namespace, claim).await {
            Ok(_) => Ok(true),
            Err(status) if status.reason == Reason::AlreadyExists => Ok(false),
            Err(status) => Err(status),
        }
    }

    async fn taken(&self) -> Result<BTreeSet<Ipv4Addr>, Status> {
        let label_selector = format!("{SUBNET_LABEL}={}", self.subnet_id);
        let listed =
            self.client.list(PRIVATE_ADDRESSES, self.namespace, Options { label_selector, ..Options::default() }).await?;
        Ok(listed.items.iter().filter_map(|claim| claim.get("/spec/address").as_str()?.parse().ok()).collect())
    }

    fn number(&self) -> u32 {
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        u32::from_be_bytes(bytes)
    }
}

fn claim_name(subnet_id: &str, address: Ipv4Addr) -> String {
    format!("{subnet_id}.{address}")
}

/// What an interface has, in the order in which it was taken.
pub async fn of_interface(client: &Client, namespace: &str, interface_id: &str) -> Result<Vec<Ipv4Addr>, Status> {
    let label_selector = format!("{INTERFACE_LABEL}={interface_id}");
    let mut listed = client.list(PRIVATE_ADDRESSES, namespace, Options { label_selector, ..Options::default() }).await?;
    // A claim never changes, so its revision tells when it was made.
    listed.items.sort_by_key(|claim| claim.revision);
    Ok(listed.items.iter().filter_map(|claim| claim.get("/spec/address").as_str()?.parse().ok()).collect())
}

/// Gives back what this interface has taken, and nobody else's address under the same name.
pub async fn give_back(
    client: &Client,
    namespace: &str,
    subnet_id: &str,
    interface_id: &str,
    address: Ipv4Addr,
) -> Result<(), Status> {
    let name = claim_name(subnet_id, address);
    let Some(claim) = client.find(PRIVATE_ADDRESSES, namespace, &name).await? else { return Ok(()) };
    if claim.meta.labels.get(INTERFACE_LABEL) != Some(interface_id) {
        return Ok(());
    }
    let preconditions = Preconditions { uid: Some(claim.meta.uid.to_string()), resource_version: None };
    match client.delete(PRIVATE_ADDRESSES, namespace, &name, DeleteOptions { preconditions, ..DeleteOptions::default() }).await {
        Err(status) if !matches!(status.reason, Reason::NotFound | Reason::Conflict) => Err(status),
        _ => Ok(()),
    }
}

/// How many claims each subnet has.
pub async fn taken_by_subnet(client: &Client, namespace: &str) -> Result<BTreeMap<String, u32>, Status> {
    let listed = client.list(PRIVATE_ADDRESSES, namespace, Options::default()).await?;
    let mut out = BTreeMap::new();
    for claim in &listed.items {
        if let Some(subnet) = claim.meta.labels.get(SUBNET_LABEL) {
            *out.entry(subnet.to_owned()).or_default() += 1;
        }
    }
    Ok(out)
}

/// The name by which an address is known inside its VPC.
pub fn private_dns_name(region: &str, address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    let domain = if region == "us-east-1" { "ec2.internal".to_owned() } else { format!("{region}.compute.internal") };
    format!("ip-{a}-{b}-{c}-{d}.{domain}")
}

/// The block of a Subnet's specification.
pub fn block(subnet: &Doc) -> Option<Block> {
    Block::parse(subnet["cidrBlock"].as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_addresses_of_a_subnet_are_awss() {
        for (cidr, usable, first, last) in [
            ("10.0.1.0/24", 251, "10.0.1.4", "10.0.1.254"),
            ("172.31.16.0/20", 4091, "172.31.16.4", "172.31.31.254"),
            ("10.0.0.16/28", 11, "10.0.0.20", "10.0.0.30"),
        ] {
            let block = Block::parse(cidr).expect("a block");
            assert_eq!(block.usable(), usable, "{cidr}");
            assert_eq!(block.at(0).to_string(), first, "{cidr}");
            assert_eq!(block.at(usable - 1).to_string(), last, "{cidr}");
            assert!(block.contains(block.at(0)) && block.contains(block.at(usable - 1)), "{cidr}");
            let base = Ipv4Addr::from(block.base);
            let reserved =
                [base, (block.base + 3).into(), (block.base + block.size - 1).into(), (block.base + block.size).into()];
            assert!(reserved.iter().all(|address| !block.contains(*address)), "{cidr}");
        }
        for cidr in ["10.0.0.0/8", "10.0.0.0/29", "10.0.0.0", "x/24", ""] {
            assert_eq!(Block::parse(cidr), None, "{cidr}");
        }
    }

    #[test]
    fn names_follow_the_region() {
        for (region, name) in
            [("us-east-1", "ip-10-0-1-23.ec2.internal"), ("eu-west-1", "ip-10-0-1-23.eu-west-1.compute.internal")]
        {
            assert_eq!(private_dns_name(region, Ipv4Addr::new(10, 0, 1, 23)), name);
        }
    }
}
