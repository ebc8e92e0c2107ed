//! Look-ups in the table of served kinds.

use crate::context::KindFacts;
use meta::{GroupVersion, Gvr};

impl KindFacts {
    pub(crate) fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }
}

pub(crate) fn by_gvr<'a>(kinds: &'a [KindFacts], gvr: &Gvr) -> Option<(usize, &'a KindFacts)> {
    kinds.iter().enumerate().find(|(_, facts)| facts.gvr == *gvr)
}

/// The kind an owner reference names. None for one that this control plane does not serve.
pub(crate) fn by_kind<'a>(kinds: &'a [KindFacts], api_version: &str, kind: &str) -> Option<&'a KindFacts> {
    let wanted = GroupVersion::parse(api_version)?;
    kinds.iter().find(|facts| facts.kind == kind && facts.gvr.group == wanted.group && facts.gvr.version == wanted.version)
}

/// Namespaced kinds whose objects can be listed and deleted, each in its preferred version only.
pub(crate) fn deletable_in_namespaces(kinds: &[KindFacts]) -> Vec<&KindFacts> {
    let mut found: Vec<&KindFacts> = Vec::new();
    for facts in kinds.iter().filter(|f| f.namespaced && f.allows("delete") && f.allows("list")) {
        let known = |f: &&KindFacts| f.gvr.group == facts.gvr.group && f.gvr.resource == facts.gvr.resource;
        if !found.iter().any(known) {
            found.push(facts);
        }
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// `group/version/plural Kind`, `!` for cluster scope; all verbs.
    pub(crate) fn facts(text: &str) -> KindFacts {
        let (path, kind) = text.split_once(' ').expect("a path and a kind");
        let mut parts = path.trim_start_matches('!').split('/');
        let mut part = || parts.next().expect("three parts");
        KindFacts {
            gvr: Gvr::new(part(), part(), part()),
            kind: kind.into(),
            namespaced: !path.starts_with('!'),
            verbs: ["get", "list", "watch", "create", "patch", "delete", "deletecollection"].map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn kinds_are_found_by_what_references_say() {
        let kinds = ["/v1/pods Pod", "apps/v1/replicasets ReplicaSet", "autoscaling/v2/hpas HPA", "autoscaling/v1/hpas HPA"];
        let kinds: Vec<KindFacts> = kinds.into_iter().map(facts).collect();
        for (api_version, kind, found) in [
            ("v1", "Pod", Some("pods")),
            ("apps/v1", "ReplicaSet", Some("replicasets")),
            ("apps/v1beta1", "ReplicaSet", None),
            ("v1", "ReplicaSet", None),
            ("a/b/c", "Pod", None),
        ] {
            assert_eq!(by_kind(&kinds, api_version, kind).map(|f| f.gvr.resource.as_str()), found, "{api_version} {kind}");
        }
        let versions: Vec<&str> = deletable_in_namespaces(&kinds).iter().map(|f| f.gvr.version.as_str()).collect();
        assert_eq!(versions, ["v1", "v1", "v2"]);
    }
}
