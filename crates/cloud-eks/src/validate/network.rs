//! Which addresses Services of a cluster get.

use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

const DEFAULT: &str = "10.100.0.0/16";
/// For VPCs inside 10.0.0.0/8, so that the two never meet.
const DEFAULT_IN_TEN: &str = "172.20.0.0/16";
const PRIVATE: [(Ipv4Addr, u8); 3] =
    [(Ipv4Addr::new(10, 0, 0, 0), 8), (Ipv4Addr::new(172, 16, 0, 0), 12), (Ipv4Addr::new(192, 168, 0, 0), 16)];
const SMALLEST: u8 = 24;
const LARGEST: u8 = 12;

/// The default block for a VPC with these CIDRs.
pub fn default_service_cidr(vpc: &[Ipv4Net]) -> &'static str {
    let ten = Ipv4Net::new_assert(PRIVATE[0].0, PRIVATE[0].1);
    if vpc.iter().any(|cidr| overlap(cidr, &ten)) { DEFAULT_IN_TEN } else { DEFAULT }
}

/// Checks a block that a client asks for.
pub fn check_service_cidr(text: &str, vpc: &[Ipv4Net]) -> Result<(), String> {
    let Ok(cidr) = text.parse::<Ipv4Net>() else { return Err(format!("The serviceIpv4Cidr {text} is not a valid CIDR block.")) };
    if cidr.addr() != cidr.network() {
        return Err(format!("The serviceIpv4Cidr {text} must be the first address of its block."));
    }
    if !PRIVATE.iter().any(|(base, bits)| Ipv4Net::new_assert(*base, *bits).contains(&cidr)) {
        let blocks = "10.0.0.0/8, 172.16.0.0/12, or 192.168.0.0/16";
        return Err(format!("The serviceIpv4Cidr {text} must be within one of the private blocks {blocks}."));
    }
    if !(LARGEST..=SMALLEST).contains(&cidr.prefix_len()) {
        return Err(format!("The serviceIpv4Cidr {text} must be between /{SMALLEST} and /{LARGEST}."));
    }
    match vpc.iter().find(|block| overlap(block, &cidr)) {
        Some(block) => Err(format!("The serviceIpv4Cidr {text} must not overlap with the VPC CIDR block {block}.")),
        None => Ok(()),
    }
}

fn overlap(one: &Ipv4Net, other: &Ipv4Net) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().expect("a CIDR")).collect()
    }

    #[test]
    fn defaults_keep_away_from_the_vpc() {
        for (vpc, expected) in [
            (vec!["172.31.0.0/16"], "10.100.0.0/16"),
            (vec!["192.168.0.0/16"], "10.100.0.0/16"),
            (vec!["10.0.0.0/16"], "172.20.0.0/16"),
            (vec!["172.31.0.0/16", "10.1.0.0/16"], "172.20.0.0/16"),
        ] {
            let nets = nets(&vpc);
            assert_eq!(default_service_cidr(&nets), expected, "{vpc:?}");
            assert_eq!(check_service_cidr(expected, &nets), Ok(()), "{vpc:?}");
        }
    }

    #[test]
    fn asked_blocks_follow_the_rules() {
        let vpc = nets(&["172.31.0.0/16"]);
        for (cidr, ok) in [
            ("10.0.0.0/12", true),
            ("192.168.7.0/24", true),
            ("10.0.0.0/11", false),
            ("10.0.0.0/25", false),
            ("10.0.0.1/24", false),
            ("8.8.8.0/24", false),
            ("172.31.5.0/24", false),
            ("172.16.0.0/12", false),
            ("nonsense", false),
        ] {
            assert_eq!(check_service_cidr(cidr, &vpc).is_ok(), ok, "{cidr}");
        }
    }
}
