//! /etc/hosts and /etc/resolv.conf of a pod (kubernetes pkg/kubelet/kubelet_pods.go, pkg/kubelet/network/dns).

use crate::config::Config;
use crate::pod::{PodView, items};
use std::net::IpAddr;

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARACTERS: usize = 2048;

pub fn hosts(config: &Config, pod: &PodView, addresses: &[IpAddr]) -> String {
    let mut out = if pod.host_network() {
        let node = std::fs::read_to_string(config.root.join("etc/hosts")).unwrap_or_default(); // a node need not have one
        format!("# Kubernetes-managed hosts file (host network).\n{node}")
    } else {
        let mut out = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
                       fe00::\tip6-localnet\nfe00::\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
            .to_owned();
        let hostname = pod.hostname();
        for address in addresses {
            match pod.subdomain() {
                "" => out.push_str(&format!("{address}\t{hostname}\n")),
                subdomain => {
                    let domain = format!("{hostname}.{subdomain}.{}.svc.{}", pod.namespace(), config.cluster_domain);
                    out.push_str(&format!("{address}\t{domain}\t{hostname}\n"));
                }
            }
        }
        out
    };
    let aliases = items(&pod.spec()["hostAliases"]);
    if !aliases.is_empty() {
        out.push_str("\n# Entries added by HostAliases.\n");
        for alias in aliases {
            let names: Vec<&str> = items(&alias["hostnames"]).iter().filter_map(|name| name.as_str()).collect();
            out.push_str(&format!("{}\t{}\n", alias["ip"].as_str().unwrap_or_default(), names.join("\t")));
        }
    }
    out
}

#[derive(Default, PartialEq, Debug)]
struct Resolver {
    servers: Vec<String>,
    searches: Vec<String>,
    options: Vec<String>,
}

pub fn resolv_conf(config: &Config, pod: &PodView) -> String {
    // A node without one has no resolver of its own.
    let node = parse(&std::fs::read_to_string(config.root.join("etc/resolv.conf")).unwrap_or_default());
    let policy = pod.spec()["dnsPolicy"].as_str().unwrap_or("ClusterFirst");
    let mut resolver = match policy {
        "None" => Resolver::default(),
        "ClusterFirstWithHostNet" => cluster(config, pod, node),
        "ClusterFirst" if !pod.host_network() => cluster(config, pod, node),
        _ => node,
    };
    let own = &pod.spec()["dnsConfig"];
    let texts = |list: &meta::Doc| items(list).iter().filter_map(|text| text.as_str().map(str::to_owned)).collect::<Vec<_>>();
    add(&mut resolver.servers, texts(&own["nameservers"]));
    add(&mut resolver.searches, texts(&own["searches"]));
    for option in items(&own["options"]) {
        let name = option["name"].as_str().unwrap_or_default();
        resolver.options.retain(|known| known.split(':').next() != Some(name));
        resolver.options.push(option["value"].as_str().map_or_else(|| name.to_owned(), |value| format!("{name}:{value}")));
    }
    print(resolver)
}

fn cluster(config: &Config, pod: &PodView, node: Resolver) -> Resolver {
    if config.cluster_dns.is_empty() {
        return node;
    }
    let domain = &config.cluster_domain;
    let mut searches = vec![format!("{}.svc.{domain}", pod.namespace()), format!("svc.{domain}"), domain.clone()];
    add(&mut searches, node.searches);
    Resolver { servers: config.cluster_dns.iter().map(IpAddr::to_string).collect(), searches, options: vec!["ndots:5".into()] }
}

fn add(list: &mut Vec<String>, more: Vec<String>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

fn parse(text: &str) -> Resolver {
    let mut out = Resolver::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (name, rest) = (words.next().unwrap_or_default(), words.map(str::to_owned).collect::<Vec<_>>());
        match name {
            "nameserver" => out.servers.extend(rest.into_iter().take(1)),
            // The root alone stays what it is.
            "search" => out.searches = rest.iter().map(|name| without_dot(name)).collect(),
            "options" => out.options = rest,
            _ => {}
        }
    }
    out
}

fn without_dot(name: &str) -> String {
    if name == "." { name.to_owned() } else { name.trim_end_matches('.').to_owned() }
}

fn print(mut resolver: Resolver) -> String {
    resolver.servers.truncate(MAX_NAMESERVERS);
    resolver.searches.truncate(MAX_SEARCHES);
    while resolver.searches.join(" ").len() > MAX_SEARCH_CHARACTERS {
        resolver.searches.pop();
    }
    let mut out: String = String::new();
    if !resolver.searches.is_empty() {
        out.push_str(&format!("search {}\n", resolver.searches.join(" ")));
    }
    resolver.servers.iter().for_each(|server| out.push_str(&format!("nameserver {server}\n")));
    if !resolver.options.is_empty() {
        out.push_str(&format!("options {}\n", resolver.options.join(" ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn resolvers_follow_the_policy() {
        let mut config = crate::Config::new("node", "/nowhere");
        let root = tempfile::tempdir().expect("a directory");
        config.root = root.path().to_owned();
        config.cluster_dns = vec![[10, 100, 0, 10].into()];
        config.cluster_domain = "cluster.local".into();
        std::fs::create_dir(root.path().join("etc")).expect("a directory");
        std::fs::write(root.path().join("etc/resolv.conf"), "search ec2.internal.\nnameserver 172.31.0.2\noptions timeout:2\n")
            .expect("a file");
        let text = |spec| resolv_conf(&config, &PodView::new(json!({"metadata": {"namespace": "site"}, "spec": spec})));
        let first = "search site.svc.cluster.local svc.cluster.local cluster.local ec2.internal\nnameserver 10.100.0.10\noptions ndots:5\n";
        let node = "search ec2.internal\nnameserver 172.31.0.2\noptions timeout:2\n";
        for (spec, expected) in [
            (json!({}), first),
            (json!({"dnsPolicy": "ClusterFirst", "hostNetwork": true}), node),
            (json!({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true}), first),
            (json!({"dnsPolicy": "Default"}), node),
            (
                json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["a"], "options": [{"name": "ndots", "value": "1"}, {"name": "edns0"}]}}),
                "search a\nnameserver 1.1.1.1\noptions ndots:1 edns0\n",
            ),
        ] {
            assert_eq!(text(spec.clone()), expected, "{spec}");
        }
    }

    #[test]
    fn hosts_name_the_pod() {
        let mut config = crate::Config::new("node", "/nowhere");
        config.cluster_domain = "cluster.local".into();
        let pod = PodView::new(json!({
            "metadata": {"name": "p", "namespace": "n"},
            "spec": {"subdomain": "sub", "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a", "b"]}]},
        }));
        let text = hosts(&config, &pod, &[[10, 0, 0, 1].into()]);
        assert!(text.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"), "{text}");
        assert!(
            text.ends_with("10.0.0.1\tp.sub.n.svc.cluster.local\tp\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"),
            "{text}"
        );
    }
}
