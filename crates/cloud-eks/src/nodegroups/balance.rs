//! Where an Auto Scaling group launches, and which instances it gives up: zones are kept even, then the oldest goes.

use super::{name, text};
use meta::Doc;
use std::collections::BTreeMap;

/// Subnets for `count` further instances, by the id.
pub fn launch<'a>(subnets: &'a [Doc], live: &[&Doc], count: usize) -> Vec<&'a str> {
    let mut in_zone: BTreeMap<&str, usize> = subnets.iter().map(|subnet| (text(subnet, "/availabilityZone"), 0)).collect();
    let mut in_subnet: BTreeMap<&str, usize> = subnets.iter().map(|subnet| (text(subnet, "/subnetId"), 0)).collect();
    for instance in live {
        if let Some(count) = in_zone.get_mut(text(instance, "/spec/availabilityZone")) {
            *count += 1;
        }
        if let Some(count) = in_subnet.get_mut(text(instance, "/spec/subnetId")) {
            *count += 1;
        }
    }
    let mut chosen = Vec::new();
    for _ in 0..count {
        let crowd = |subnet: &&Doc| (in_zone[text(subnet, "/availabilityZone")], in_subnet[text(subnet, "/subnetId")]);
        let Some(subnet) = subnets.iter().min_by_key(crowd) else { break };
        *in_zone.entry(text(subnet, "/availabilityZone")).or_default() += 1;
        *in_subnet.entry(text(subnet, "/subnetId")).or_default() += 1;
        chosen.push(text(subnet, "/subnetId"));
    }
    chosen
}

/// The instances to give up, by name: from the fullest zone the oldest, one after the other.
pub fn retire(live: &[&Doc], count: usize) -> Vec<String> {
    let mut left: Vec<&Doc> = live.to_vec();
    let mut chosen = Vec::new();
    for _ in 0..count.min(left.len()) {
        let mut in_zone: BTreeMap<&str, usize> = BTreeMap::new();
        left.iter().for_each(|instance| *in_zone.entry(text(instance, "/spec/availabilityZone")).or_default() += 1);
        let most = in_zone.values().copied().max().unwrap_or(0);
        let crowded = left.iter().enumerate().filter(|(_, instance)| in_zone[text(instance, "/spec/availabilityZone")] == most);
        let oldest = crowded.min_by_key(|(_, instance)| (text(instance, "/spec/launchTime"), name(instance)));
        let Some((at, _)) = oldest else { break };
        chosen.push(name(left.remove(at)).to_owned());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn subnet(id: &str, zone: &str) -> Doc {
        json!({"subnetId": id, "availabilityZone": zone})
    }

    fn instance(id: &str, zone: &str, subnet: &str, launched: u32) -> Doc {
        json!({
            "metadata": {"name": id},
            "spec": {"availabilityZone": zone, "subnetId": subnet, "launchTime": format!("2026-11-20T10:00:{launched:02}Z")},
        })
    }

    #[test]
    fn zones_are_kept_even() {
        let subnets = [subnet("s1", "a"), subnet("s2", "a"), subnet("s3", "b")];
        let (one, two) = (instance("i1", "a", "s1", 1), instance("i2", "b", "s3", 2));
        for (live, count, expected) in [
            (vec![], 2, vec!["s1", "s3"]),
            (vec![], 4, vec!["s1", "s3", "s2", "s3"]),
            (vec![&one], 1, vec!["s3"]),
            (vec![&one, &two], 1, vec!["s2"]),
        ] {
            assert_eq!(launch(&subnets, &live, count), expected);
        }
        assert_eq!(launch(&[], &[], 2), Vec::<&str>::new());
    }

    #[test]
    fn the_oldest_of_the_fullest_zone_goes() {
        let all = [
            instance("i1", "a", "s1", 1),
            instance("i2", "b", "s2", 2),
            instance("i3", "b", "s2", 3),
            instance("i4", "c", "s3", 0),
        ];
        let live: Vec<&Doc> = all.iter().collect();
        assert_eq!(retire(&live, 1), ["i2"]);
        assert_eq!(retire(&live, 2), ["i2", "i4"]);
        assert_eq!(retire(&live, 9).len(), 4);
    }
}
