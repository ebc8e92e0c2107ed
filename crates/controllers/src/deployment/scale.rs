//! A new size, told from a rollout by what the sets remember of the last one: sets grow and shrink in proportion, so that a
//! rollout under way goes neither faster nor slower for it (`scale` of kubernetes `pkg/controller/deployment/sync.go`).

use super::plan::Draft;
use super::revision::{DESIRED_REPLICAS, MAX_REPLICAS};
use super::set::Set;
use super::view::Deployment;
use std::cmp::Reverse;

impl Draft<'_> {
    /// Whether the deployment's size is another than the one that the sets were last fitted to.
    pub fn is_scaling(&self) -> bool {
        let fitted_to = |set: &Set| set.number(DESIRED_REPLICAS);
        self.all().filter(|set| set.is_active()).filter_map(fitted_to).any(|desired| desired != self.deployment.replicas)
    }

    pub fn scale(&mut self) {
        let deployment = self.deployment;
        if let Some(only) = self.active_or_latest() {
            only.resize(deployment.replicas, deployment);
        } else if self.new.as_ref().is_some_and(|new| is_saturated(new, deployment)) {
            self.old.iter_mut().filter(|set| set.is_active()).for_each(|set| set.resize(0, deployment));
        } else if deployment.rolling {
            self.scale_in_proportion();
        }
    }

    /// The only active set; of none the newest. None where there are several.
    fn active_or_latest(&mut self) -> Option<&mut Set> {
        let active = self.all().filter(|set| set.is_active()).count();
        let wanted = |set: &&mut Set| active == 0 || set.is_active();
        if active > 1 {
            return None;
        }
        self.old.sort_by(|a, b| (b.created, &b.name).cmp(&(a.created, &a.name)));
        self.new.iter_mut().chain(&mut self.old).find(wanted)
    }

    fn scale_in_proportion(&mut self) {
        let deployment = self.deployment;
        let allowed = if deployment.replicas > 0 { deployment.max_replicas() } else { 0 };
        let to_add = allowed - self.total();
        let mut sets: Vec<&mut Set> = self.old.iter_mut().chain(&mut self.new).filter(|set| set.is_active()).collect();
        // Of sets of one size the newer grow first, and the older shrink first.
        sets.sort_by(|a, b| {
            let age = if to_add >= 0 { b.created.cmp(&a.created) } else { a.created.cmp(&b.created) };
            Reverse(a.wanted.replicas).cmp(&Reverse(b.wanted.replicas)).then(age)
        });
        let mut sizes = Vec::with_capacity(sets.len());
        let mut added = 0;
        for set in &sets {
            let share = share(set, deployment, to_add, added);
            sizes.push(set.wanted.replicas + share);
            added += share;
        }
        // The largest takes what is left over.
        if let Some(largest) = sizes.first_mut() {
            *largest = (*largest + to_add - added).max(0);
        }
        sets.into_iter().zip(sizes).for_each(|(set, size)| set.resize(size, deployment));
    }
}

/// Whether deployment and set both hold that all pods are the set's (`IsSaturated`).
fn is_saturated(set: &Set, deployment: &Deployment) -> bool {
    let size = deployment.replicas;
    set.wanted.replicas == size && set.number(DESIRED_REPLICAS) == Some(size) && set.available() == size
}

/// What a set gets of `to_add` replicas, of which `added` are given away (`GetReplicaSetProportion`).
fn share(set: &Set, deployment: &Deployment, to_add: i64, added: i64) -> i64 {
    if to_add == added {
        return 0;
    }
    let (fraction, left) = (fraction(set, deployment), to_add - added);
    if to_add > 0 { fraction.min(left) } else { fraction.max(left) }
}

/// By how much a set changes when it keeps its share of the whole (`getReplicaSetFraction`).
fn fraction(set: &Set, deployment: &Deployment) -> i64 {
    let size = set.wanted.replicas;
    if deployment.replicas == 0 {
        return -size;
    }
    let whole = set.number(MAX_REPLICAS).filter(|whole| *whole > 0).unwrap_or(deployment.before.replicas);
    if whole == 0 {
        return 0;
    }
    // Halves round away from zero; both numbers are positive.
    (2 * size * deployment.max_replicas() + whole).div_euclid(2 * whole) - size
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{planned, sizes};
    use super::super::set::tests::set;
    use super::super::view::tests::{deployment, strategy};
    use super::*;
    use serde_json::json;

    /// Sets of these sizes, the last of them new, fitted to a deployment of another size.
    fn scaled(from: i64, to: i64, surge: i64, before: &[i64], paused: bool) -> String {
        let image = format!("v{}", before.len());
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}});
        let of = |replicas: i64| {
            let strategy = strategy(json!(surge), json!(1));
            deployment(json!({"replicas": replicas, "strategy": strategy, "template": template, "paused": paused}), json!({}))
        };
        let mut sets: Vec<Set> = before.iter().zip(1..).map(|(size, revision)| set(revision, *size, *size)).collect();
        let fitted = of(from);
        for set in &mut sets {
            set.note_size_of(&fitted);
            set.is = set.wanted.clone();
        }
        sizes(&planned(&of(to), sets))
    }

    /// The cases of upstream's `TestScale`, among others.
    #[test]
    fn sets_keep_their_share() {
        for (from, to, surge, before, after) in [
            (10, 12, 0, &[10][..], "12"),
            (10, 5, 0, &[10], "5"),
            (5, 10, 0, &[3, 2], "6 4"),
            (5, 3, 0, &[3, 2], "2 1"),
            (9, 4, 0, &[1, 8], "0 4"),
            (7, 10, 0, &[2, 3, 2], "3 4 3"),
            (13, 8, 0, &[3, 8, 2], "2 5 1"),
            // What is left over goes to the newest, and comes from the oldest.
            (3, 4, 0, &[1, 1, 1], "1 1 2"),
            (3, 2, 0, &[1, 1, 1], "0 1 1"),
            (10, 5, 0, &[5, 5], "2 3"),
            (20, 5, 0, &[4, 10, 6], "1 2 2"),
            // The surge is part of the whole.
            (30, 50, 3, &[5, 20, 8], "8 32 13"),
            (50, 60, 20, &[25, 25, 20], "29 29 22"),
            (10, 0, 0, &[0, 10], "0 0"),
            (10, 0, 0, &[3, 7], "0 0"),
            (3, 0, 1, &[2, 2], "0 0"),
        ] {
            assert_eq!(scaled(from, to, surge, before, false), after, "{from} -> {to} of {before:?}");
        }
    }

    #[test]
    fn a_paused_deployment_scales_too_and_does_not_roll() {
        assert_eq!(scaled(10, 20, 0, &[5, 5], true), "10 10");
        assert_eq!(scaled(10, 10, 0, &[5, 5], true), "5 5");
    }
}
