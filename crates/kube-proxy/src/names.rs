//! Names of chains, as kubernetes `pkg/proxy/nftables/proxier.go` makes them: a hash, then what a person looks for.

use crate::endpoint::Place;
use crate::service::ServicePort;
use aws_lc_rs::digest::{SHA256, digest};

/// What nft takes, less the longest of our prefixes.
const LONGEST: usize = 240;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The first eight characters of the hash in base 32: forty bits.
fn hash(name: &str) -> String {
    let sum = digest(&SHA256, name.as_bytes());
    let bits = sum.as_ref().iter().take(5).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let digit = |shift: u32| char::from(BASE32[usize::try_from(bits >> (35 - 5 * shift) & 31).unwrap_or(0)]); // below 32
    (0..8).map(digit).collect()
}

fn hashed(name: &str) -> String {
    let mut whole = format!("{}-{name}", hash(name));
    if whole.len() > LONGEST {
        whole.truncate(LONGEST - 3);
        whole.push_str("...");
    }
    whole
}

fn base(port: &ServicePort) -> String {
    format!("{}/{}/{}/{}", port.namespace, port.service, port.protocol, port.name)
}

/// `service-`, `local-` or `external-`.
pub fn of_port(prefix: &str, port: &ServicePort) -> String {
    format!("{prefix}-{}", hashed(&base(port)))
}

/// `endpoint-` or `affinity-`.
pub fn of_endpoint(prefix: &str, port: &ServicePort, (address, number): Place) -> String {
    format!("{prefix}-{}", hashed(&format!("{}__{address}/{number}", base(port))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::port;
    use std::net::Ipv4Addr;

    #[test]
    fn names_are_upstreams() {
        // From the expectations of upstream's proxier_test.go.
        let mut port = port("svc1");
        (port.namespace, port.name) = ("ns1".into(), "p80".into());
        assert_eq!(of_port("service", &port), "service-ULMVA6XW-ns1/svc1/tcp/p80");
        let place = (Ipv4Addr::new(10, 180, 0, 1), 80);
        assert_eq!(of_endpoint("endpoint", &port, place), "endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80");
    }

    #[test]
    fn long_names_are_cut() {
        let mut port = port("svc1");
        port.namespace = "n".repeat(300);
        let name = of_port("service", &port);
        assert!(name.len() == 248 && name.ends_with("nnn..."), "{name}");
    }
}
