//! Old sets beyond `revisionHistoryLimit` (`cleanupDeployment` of kubernetes `pkg/controller/deployment/sync.go`).

use super::plan::Draft;

impl Draft<'_> {
    /// Marks the oldest for deletion. One that has pods, or whose controller lags behind, stays and counts.
    pub fn clean_up(&mut self) {
        let Some(limit) = self.deployment.history else { return };
        let mut old: Vec<_> = self.old.iter().filter(|set| !set.is_deleting()).collect();
        let surplus = old.len().saturating_sub(limit);
        old.sort_by_key(|set| (set.revision(), set.created));
        let idle = old.into_iter().take(surplus).filter(|set| set.actual() == 0 && !set.is_active() && set.is_observed());
        self.delete = idle.filter_map(|set| set.object.clone()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::planned;
    use super::super::set::tests::set;
    use super::super::view::tests::deployment;
    use serde_json::json;

    #[test]
    fn history_is_cut_at_its_end() {
        for (limit, old, deleted) in [
            (10, &[0, 0, 0][..], ""),
            (2, &[0, 0, 0], "web-1"),
            (0, &[0, 0, 0], "web-1 web-2 web-3"),
            // A set with pods stays, and counts.
            (1, &[1, 0, 0], "web-2"),
            (i64::from(i32::MAX), &[0, 0, 0], ""),
        ] {
            let template =
                json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "v4"}]}});
            let status = json!({"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "observedGeneration": 1});
            let deployment = deployment(json!({"revisionHistoryLimit": limit, "template": template, "paused": true}), status);
            let mut sets: Vec<_> = old.iter().zip(1..).map(|(replicas, revision)| set(revision, *replicas, *replicas)).collect();
            sets.push(set(4, 3, 3));
            let planned = planned(&deployment, sets);
            let names: Vec<&str> = planned.delete.iter().map(|set| &*set.meta.name).collect();
            assert_eq!(names.join(" "), deleted, "{limit} of {old:?}");
        }
    }
}
