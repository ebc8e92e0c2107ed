//! A few bits of a pod's namespace and labels: most pods that a term does not cover are told by these, without a look at
//! the pod (a Bloom filter of one hash).

use crate::model::{Pod, Scope};
use meta::labels::Requirement;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    pub fn of(pod: &Pod) -> Self {
        let labels = pod.labels().iter().fold(0, |bits, (key, value)| bits | bit(key, value));
        Self(labels | bit("", pod.namespace()))
    }

    /// What every pod that all scopes cover has at least.
    pub fn required(scopes: &[Scope]) -> Self {
        let namespaces = scopes.iter().filter(|scope| scope.namespace_selector.is_none() && scope.namespaces.len() == 1);
        let requirements = scopes.iter().filter_map(|scope| scope.selector.as_ref()).flat_map(|selector| &selector.0);
        let labels = requirements.map(|requirement| match requirement {
            Requirement::In(key, values) if values.len() == 1 => bit(key, &values[0]),
            _ => 0,
        });
        Self(labels.chain(namespaces.map(|scope| bit("", &scope.namespaces[0]))).fold(0, |bits, bit| bits | bit))
    }

    pub fn has(self, required: Self) -> bool {
        self.0 & required.0 == required.0
    }
}

/// One of 64 (FNV-1a, mixed once more: its upper bits hardly depend on the last bytes).
fn bit(key: &str, value: &str) -> u64 {
    let bytes = key.bytes().chain([0]).chain(value.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    1 << ((hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;
    use serde_json::json;

    #[test]
    fn covered_pods_are_never_ruled_out() {
        let selector = |labels: meta::Doc| meta::LabelSelector::from_doc(&json!({ "matchLabels": labels })).expect("a selector");
        let mut ruled_out = 0;
        for n in 0..100 {
            let labels = json!({"app": format!("a{n}"), "tier": "t"});
            let one = pod(json!({"metadata": {"name": "p", "namespace": format!("n{}", n % 7), "labels": labels}}));
            let print = Fingerprint::of(&one);
            for m in 0..100 {
                let scope = Scope::within(&format!("n{}", m % 7), selector(json!({"app": format!("a{m}")})));
                let may_cover = print.has(Fingerprint::required(std::slice::from_ref(&scope)));
                assert!(may_cover || !scope.contains(&one, None), "{n} {m}");
                ruled_out += usize::from(!may_cover);
            }
        }
        assert!(ruled_out > 8000, "{ruled_out} of 9900");
    }
}
