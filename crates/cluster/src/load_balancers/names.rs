//! What load balancers and target groups of Services are called, as in aws-load-balancer-controller
//! `pkg/service/model_build_{load_balancer,target_group}.go`: whoever knows the Service finds them by their names.

use aws_lc_rs::digest::{SHA256, digest};
use controllers::{Listener, ServiceKey};

pub fn load_balancer(cluster: &str, service: &ServiceKey, scheme: &str) -> String {
    name(service, &[cluster, &service.uid, scheme])
}

/// Another port, kind of target or health check makes another group: those do not change.
pub fn target_group(cluster: &str, service: &ServiceKey, listener: &Listener, target_type: &str) -> String {
    let group = &listener.target_group;
    let (port, target_port, interval) =
        (listener.port.to_string(), group.port.to_string(), group.health_check.interval_seconds.to_string());
    let parts =
        [cluster, &service.uid, &target_port, &port, target_type, &group.protocol, &group.health_check.protocol, &interval];
    name(service, &parts)
}

/// `k8s-<namespace>-<service>-<hash>`, no longer than the 32 characters that ELB allows.
fn name(service: &ServiceKey, parts: &[&str]) -> String {
    let hash: String =
        digest(&SHA256, parts.concat().as_bytes()).as_ref().iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    let short = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>();
    format!("k8s-{}-{}-{hash}", short(&service.namespace), short(&service.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_say_whose_they_are() {
        let service =
            |namespace: &str, name: &str| ServiceKey { namespace: namespace.into(), name: name.into(), uid: "u-1".into() };
        let name = load_balancer("demo", &service("default", "web"), "internal");
        assert_eq!(name, "k8s-default-web-58622af402", "the hash of demo, u-1 and internal");
        assert_ne!(name, load_balancer("demo", &service("default", "web"), "internet-facing"));
        let long = load_balancer("demo", &service("a-long-namespace", "a-long-service-name"), "internal");
        assert!(long.starts_with("k8s-alongnam-alongser-") && long.len() == 32, "{long}");
    }

    #[test]
    fn what_cannot_change_is_in_the_name_of_a_group() {
        let service = ServiceKey { namespace: "default".into(), name: "web".into(), uid: "u-1".into() };
        let listener = Listener { port: 80, ..Listener::default() };
        let mut moved = listener.clone();
        moved.target_group.port = 30081;
        let mut checked = listener.clone();
        checked.target_group.health_check.interval_seconds = 20;
        let of = |listener: &Listener, target_type: &str| target_group("demo", &service, listener, target_type);
        let names = [of(&listener, "instance"), of(&listener, "ip"), of(&moved, "instance"), of(&checked, "instance")];
        let different: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
