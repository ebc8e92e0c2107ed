//! What the name of a query asks for, by its labels alone (coredns plugin/kubernetes/parse.go).

use hickory_proto::rr::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A name inside the cluster's domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The domain itself.
    Apex,
    /// `svc` and `pod`: they are there so that others can be below them.
    Parent,
    /// `dns-version`
    Version,
    /// `ns.dns`, which the domain's NS record leads to.
    NameServer,
    /// `<namespace>.svc`, `<namespace>.pod`
    Namespace { namespace: String },
    /// `<service>.<namespace>.svc`
    Service { namespace: String, service: String },
    /// `<hostname>.<service>.<namespace>.svc`
    Endpoint { namespace: String, service: String, hostname: String },
    /// `_<port>._<protocol>.<service>.<namespace>.svc`
    Port { namespace: String, service: String, port: String, protocol: String },
    /// `10-0-0-1.<namespace>.pod`, with the address it spells, if it does.
    Pod { namespace: String, address: Option<IpAddr> },
    /// None of the forms above.
    Other,
}

/// Where a name belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Cluster(Asked),
    /// The name that stands for an address.
    Reverse(IpAddr),
    Elsewhere,
}

/// `domain` in lower case, without a dot at its end.
pub fn place(name: &Name, domain: &str) -> Place {
    let Some(labels) = labels(name) else { return Place::Elsewhere };
    let domain: Vec<&str> = domain.split('.').collect();
    match labels.len().checked_sub(domain.len()) {
        Some(own) if labels[own..] == domain => Place::Cluster(asked(&labels[..own])),
        _ => reverse(&labels).map_or(Place::Elsewhere, Place::Reverse),
    }
}

/// In lower case. None for bytes that no name of a cluster has.
fn labels(name: &Name) -> Option<Vec<String>> {
    name.iter().map(|label| std::str::from_utf8(label).ok().map(str::to_ascii_lowercase)).collect()
}

fn asked(labels: &[String]) -> Asked {
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let text = |label: &str| label.to_owned();
    match *labels.as_slice() {
        [] => Asked::Apex,
        ["svc" | "pod"] => Asked::Parent,
        ["dns-version"] => Asked::Version,
        ["ns", "dns"] => Asked::NameServer,
        [namespace, "svc" | "pod"] => Asked::Namespace { namespace: text(namespace) },
        [pod, namespace, "pod"] => Asked::Pod { namespace: text(namespace), address: spelled(pod) },
        [service, namespace, "svc"] => Asked::Service { namespace: text(namespace), service: text(service) },
        [hostname, service, namespace, "svc"] => {
            Asked::Endpoint { namespace: text(namespace), service: text(service), hostname: text(hostname) }
        }
        [port, protocol, service, namespace, "svc"] => Asked::Port {
            namespace: text(namespace),
            service: text(service),
            port: text(without_underscore(port)),
            protocol: text(without_underscore(protocol)),
        },
        _ => Asked::Other,
    }
}

fn without_underscore(label: &str) -> &str {
    label.strip_prefix('_').unwrap_or(label)
}

/// `10-0-0-1`, `fd00--1`
fn spelled(label: &str) -> Option<IpAddr> {
    let dots = label.replace('-', ".").parse().map(IpAddr::V4);
    dots.or_else(|_| label.replace('-', ":").parse().map(IpAddr::V6)).ok()
}

/// An address as the one label of a name.
pub fn dashed(address: IpAddr) -> String {
    address.to_string().replace(['.', ':'], "-")
}

fn reverse(labels: &[String]) -> Option<IpAddr> {
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    match labels.as_slice() {
        [d, c, b, a, "in-addr", "arpa"] => format!("{a}.{b}.{c}.{d}").parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        [digits @ .., "ip6", "arpa"] if digits.len() == 32 && digits.iter().all(|digit| digit.len() == 1) => {
            let digits: String = digits.iter().rev().copied().collect();
            u128::from_str_radix(&digits, 16).ok().map(|bits| IpAddr::V6(Ipv6Addr::from(bits)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_by_their_labels() {
        for (name, expected) in [
            ("cluster.local.", "Cluster(Apex)"),
            ("svc.cluster.local.", "Cluster(Parent)"),
            ("POD.Cluster.Local.", "Cluster(Parent)"),
            ("dns-version.cluster.local.", "Cluster(Version)"),
            ("ns.dns.cluster.local.", "Cluster(NameServer)"),
            ("site.svc.cluster.local.", r#"Cluster(Namespace { namespace: "site" })"#),
            ("Web.Site.svc.cluster.local.", r#"Cluster(Service { namespace: "site", service: "web" })"#),
            (
                "web-0.web.site.svc.cluster.local.",
                r#"Cluster(Endpoint { namespace: "site", service: "web", hostname: "web-0" })"#,
            ),
            (
                "_http._tcp.web.site.svc.cluster.local.",
                r#"Cluster(Port { namespace: "site", service: "web", port: "http", protocol: "tcp" })"#,
            ),
            ("10-0-0-1.site.pod.cluster.local.", r#"Cluster(Pod { namespace: "site", address: Some(10.0.0.1) })"#),
            ("fd00--1.site.pod.cluster.local.", r#"Cluster(Pod { namespace: "site", address: Some(fd00::1) })"#),
            ("web-0.site.pod.cluster.local.", r#"Cluster(Pod { namespace: "site", address: None })"#),
            ("a.b.c.web.site.svc.cluster.local.", "Cluster(Other)"),
            ("web.cluster.local.", "Cluster(Other)"),
            ("web.site.svc.cluster.local.ec2.internal.", "Elsewhere"),
            ("xcluster.local.", "Elsewhere"),
            ("local.", "Elsewhere"),
            (".", "Elsewhere"),
            ("1.0.100.10.in-addr.arpa.", "Reverse(10.100.0.1)"),
            ("0.100.10.in-addr.arpa.", "Elsewhere"),
            ("256.0.100.10.in-addr.arpa.", "Elsewhere"),
            ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.", "Reverse(fd00::1)"),
        ] {
            let parsed = Name::from_ascii(name).expect("a name");
            assert_eq!(format!("{:?}", place(&parsed, "cluster.local")), expected, "{name}");
        }
    }
}
