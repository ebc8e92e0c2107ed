//! Where the load balancer of a Service is: the subnets that it asks for, those of the cluster's VPC that are tagged for its
//! kind, or the cluster's own. As aws-load-balancer-controller `pkg/networking/subnet_resolver.go`.

use meta::Doc;
use std::collections::BTreeMap;

const INTERNAL_ROLE: &str = "kubernetes.io/role/internal-elb";
const ROLE: &str = "kubernetes.io/role/elb";

/// Specifications of subnets, one a zone, in the order of their zones. `config` is the cluster's.
pub fn choose(all: &[Doc], config: &Doc, asked: &[String], internal: bool) -> Result<Vec<Doc>, String> {
    let of_vpc: Vec<&Doc> = all.iter().filter(|subnet| subnet["vpcId"] == config["vpcId"]).collect();
    if !asked.is_empty() {
        return named(&of_vpc, asked);
    }
    let role = if internal { INTERNAL_ROLE } else { ROLE };
    let tagged: Vec<&Doc> =
        of_vpc.iter().filter(|subnet| matches!(subnet["tags"][role].as_str(), Some("" | "1"))).copied().collect();
    let own = || {
        let ids = config["subnetIds"].as_array().map(Vec::as_slice).unwrap_or_default();
        of_vpc.iter().filter(|subnet| ids.contains(&subnet["subnetId"])).copied().collect()
    };
    let chosen = one_a_zone(if tagged.is_empty() { own() } else { tagged });
    if chosen.is_empty() { Err("unable to resolve at least one subnet".into()) } else { Ok(chosen) }
}

/// Of several in a zone the one with the least id.
fn one_a_zone(subnets: Vec<&Doc>) -> Vec<Doc> {
    let mut zones: BTreeMap<&str, &Doc> = BTreeMap::new();
    for subnet in subnets {
        let best = zones.entry(text(subnet, "availabilityZone")).or_insert(subnet);
        if text(subnet, "subnetId") < text(best, "subnetId") {
            *best = subnet;
        }
    }
    zones.into_values().cloned().collect()
}

/// By id, or by tag `Name`.
fn named(of_vpc: &[&Doc], asked: &[String]) -> Result<Vec<Doc>, String> {
    let is = |subnet: &Doc, name: &str| subnet["subnetId"] == name || subnet["tags"]["Name"] == name;
    let mut zones: BTreeMap<&str, &Doc> = BTreeMap::new();
    for name in asked {
        let found = of_vpc.iter().find(|subnet| is(subnet, name));
        let subnet = found.ok_or_else(|| format!("couldn't find subnet {name} in the cluster's VPC"))?;
        let zone = text(subnet, "availabilityZone");
        if zones.insert(zone, subnet).is_some() {
            return Err(format!("multiple subnets in same Availability Zone {zone}: {}", asked.join(", ")));
        }
    }
    Ok(zones.into_values().cloned().collect())
}

fn text<'a>(subnet: &'a Doc, member: &str) -> &'a str {
    subnet[member].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn which_subnets() {
        let subnet = |id: &str, zone: &str, vpc: &str, tags: Doc| json!({"subnetId": id, "availabilityZone": zone, "vpcId": vpc, "tags": tags});
        let plain = [
            subnet("s3", "b", "v", json!({})),
            subnet("s2", "a", "v", json!({"Name": "second"})),
            subnet("s1", "a", "v", json!({})),
            subnet("s4", "c", "other", json!({})),
        ];
        let mut tagged = plain.to_vec();
        tagged.push(subnet("s9", "c", "v", json!({INTERNAL_ROLE: "1"})));
        let config = json!({"vpcId": "v", "subnetIds": ["s1", "s2", "s3"]});
        let shown = |all: &[Doc], asked: &[&str], internal: bool| {
            let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
            let chosen = choose(all, &config, &asked, internal);
            chosen.map_or_else(|why| why, |chosen| chosen.iter().map(|one| text(one, "subnetId")).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(shown(&plain, &[], true), "s1 s3");
        assert_eq!(shown(&tagged, &[], true), "s9");
        assert_eq!(shown(&tagged, &[], false), "s1 s3");
        assert_eq!(shown(&plain, &["second", "s3"], true), "s2 s3");
        assert_eq!(shown(&plain, &["s1", "s2"], true), "multiple subnets in same Availability Zone a: s1, s2");
        assert_eq!(shown(&plain, &["s4"], true), "couldn't find subnet s4 in the cluster's VPC");
        assert_eq!(shown(&[], &[], true), "unable to resolve at least one subnet");
    }
}
