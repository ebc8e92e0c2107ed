//! Recreation: nothing new before the last old pod has ended (kubernetes `pkg/controller/deployment/recreate.go`).

use super::plan::Draft;

impl Draft<'_> {
    pub fn recreate(&mut self) {
        let deployment = self.deployment;
        let mut shrinks = false;
        for set in self.old.iter_mut().filter(|set| set.is_active()) {
            set.resize(0, deployment);
            shrinks = true;
        }
        if shrinks || self.old.iter().any(|set| set.pods_run) {
            return;
        }
        if self.new.is_none() {
            return self.create_new_set();
        }
        if let Some(new) = self.new.as_mut().filter(|new| new.wanted.replicas != deployment.replicas) {
            new.resize(deployment.replicas, deployment);
        }
        if self.is_complete(&deployment.before) {
            self.clean_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{planned, sizes};
    use super::super::set::tests::set;
    use super::super::view::tests::deployment;
    use serde_json::json;

    #[test]
    fn the_old_go_before_the_new_come() {
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "v2"}]}});
        let deployment = deployment(json!({"strategy": {"type": "Recreate"}, "template": template}), json!({}));
        for (old, old_runs, new, after) in [
            (3, true, None, "0"),
            (0, true, None, "0"),
            (0, false, None, "0 3"),
            (0, true, Some(0), "0 0"),
            (0, false, Some(0), "0 3"),
            (0, false, Some(3), "0 3"),
        ] {
            let mut sets = vec![set(1, old, 0)];
            sets[0].pods_run = old_runs;
            sets.extend(new.map(|replicas| set(2, replicas, replicas)));
            for set in &mut sets {
                set.note_size_of(&deployment);
            }
            assert_eq!(sizes(&planned(&deployment, sets)), after, "{old} {old_runs} {new:?}");
        }
    }
}
