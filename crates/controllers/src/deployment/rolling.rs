//! Rolling updates: up as far as the surge allows, then down as far as availability allows
//! (kubernetes `pkg/controller/deployment/rolling.go`).

use super::plan::Draft;
use super::set::{Set, sum};
use super::view::Deployment;

/// How large the newest set may be beside the others (`NewRSNewReplicas`).
pub(super) fn new_size(deployment: &Deployment, replicas: i64, total: i64) -> i64 {
    if !deployment.rolling {
        return deployment.replicas;
    }
    let room = (deployment.max_replicas() - total).max(0);
    replicas + room.min(deployment.replicas - replicas)
}

impl Draft<'_> {
    pub fn roll(&mut self) {
        if self.new.is_none() {
            return self.create_new_set();
        }
        if !self.grow_new() && !self.shrink_old() && self.is_complete(&self.deployment.before) {
            self.clean_up();
        }
    }

    /// Whether the newest set changes its size.
    fn grow_new(&mut self) -> bool {
        let (deployment, total) = (self.deployment, self.total());
        let Some(new) = &mut self.new else { return false };
        let size = match new.wanted.replicas {
            replicas if replicas >= deployment.replicas => deployment.replicas,
            replicas => new_size(deployment, replicas, total),
        };
        let changes = size != new.wanted.replicas;
        if changes {
            new.resize(size, deployment);
        }
        changes
    }

    /// Whether old sets get smaller. First by pods that are of no use, which stand in nobody's way any longer; then, by what
    /// is more than the least that must be available.
    ///
    /// With 10 replicas, 2 of which may be missing, a surge of 3, and a new set of 5 whose pods all crash: 13 pods less the
    /// 8 that must be available less the 5 that are not leaves none that may go, whatever else happens to the old ones.
    fn shrink_old(&mut self) -> bool {
        if sum(&self.old, |set| set.wanted.replicas) == 0 {
            return false;
        }
        let unavailable = self.new.as_ref().map_or(0, |new| new.wanted.replicas - new.available());
        let spare = self.total() - self.deployment.min_available() - unavailable;
        if spare <= 0 {
            return false;
        }
        self.old.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        let useless = |set: &Set| set.wanted.replicas - set.available();
        let cleaned = take(&mut self.old, spare, self.deployment, useless);
        let available = sum(self.all(), Set::available);
        let surplus = available - self.deployment.min_available();
        cleaned + take(&mut self.old, surplus, self.deployment, |set| set.wanted.replicas) > 0
    }
}

/// Makes sets smaller, one after the other, each by what it can give, until `most` are taken. Returns how many were.
fn take(sets: &mut [Set], most: i64, deployment: &Deployment, gives: impl Fn(&Set) -> i64) -> i64 {
    let mut taken = 0;
    for set in sets.iter_mut().filter(|set| set.wanted.replicas > 0) {
        let more = gives(set).min(most - taken);
        if more > 0 {
            set.resize(set.wanted.replicas - more, deployment);
            taken += more;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{planned, sizes};
    use super::super::set::tests::set;
    use super::super::view::tests::{deployment, strategy};
    use super::*;
    use serde_json::{Value, json};

    /// A deployment at revision 2 with what may surge and what may be missing.
    fn rolled(replicas: i64, surge: Value, unavailable: Value) -> Deployment {
        let image = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "v2"}]}});
        deployment(json!({"replicas": replicas, "strategy": strategy(surge, unavailable), "template": image}), json!({}))
    }

    /// `old new`, each as wanted/available.
    fn sets(text: &str, deployment: &Deployment) -> Vec<Set> {
        let number = |text: &str| text.parse().expect("a number");
        let one = |(index, pair): (usize, &str)| {
            let (replicas, available) = pair.split_once('/').expect("a pair");
            let mut set = set(index as i64 + 1, number(replicas), number(available));
            set.note_size_of(deployment);
            set.is = set.wanted.clone();
            set
        };
        text.split(' ').enumerate().map(one).collect()
    }

    #[test]
    fn one_step_of_a_rollout() {
        for (replicas, surge, unavailable, before, after) in [
            // The new set comes with as many pods as the surge allows.
            (3, json!(1), json!(0), "3/3 0/0", "3 1"),
            (10, json!("25%"), json!("25%"), "10/10 0/0", "10 3"),
            // It is full: the old one waits until the new pods are available.
            (3, json!(1), json!(0), "3/3 1/0", "3 1"),
            (3, json!(1), json!(0), "3/3 1/1", "2 1"),
            (3, json!(1), json!(0), "2/3 1/1", "2 2"),
            // Nothing may surge: first down, then up.
            (3, json!(0), json!(1), "3/3 0/0", "2 0"),
            (3, json!(0), json!(1), "2/2 0/0", "2 1"),
            (3, json!(0), json!(1), "2/2 1/0", "2 1"),
            // What is not available anyway goes first.
            (3, json!(1), json!(0), "3/2 1/0", "3 1"),
            (3, json!(1), json!(0), "3/2 1/1", "2 1"),
            (10, json!(3), json!(2), "8/8 5/0", "8 5"),
            (10, json!(3), json!(2), "8/7 5/0", "8 5"),
            (10, json!(3), json!(2), "8/3 5/5", "3 5"),
            // The deployment shrank.
            (2, json!(1), json!(1), "0/0 3/3", "0 2"),
            (0, json!(1), json!(1), "2/2 0/0", "0 0"),
        ] {
            let deployment = rolled(replicas, surge, unavailable);
            let planned = planned(&deployment, sets(before, &deployment));
            assert_eq!(sizes(&planned), after, "{replicas} from {before}");
        }
    }

    /// A generator of no quality that needs no crate (xorshift).
    fn random(state: &mut u64, below: i64) -> i64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state % below.max(1) as u64) as i64
    }

    /// Plays rollouts in which pods become available, and stop being so, by chance: never are more pods asked for than may
    /// be, never do wanted reductions go below what must be available, and every rollout ends.
    #[test]
    fn every_rollout_stays_within_its_fences_and_ends() {
        for seed in 1..200_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let (surge, unavailable) = (random(&mut state, 60), 1 + random(&mut state, 100));
            let deployment = rolled(1 + random(&mut state, 20), json!(format!("{surge}%")), json!(format!("{unavailable}%")));
            let (replicas, most) = (deployment.replicas, deployment.max_replicas());
            // What is wanted, there and available of the old set and of the new one.
            let mut now = [[replicas, replicas], [0, 0]];
            let mut steps = 0;
            while now != [[0, 0], [replicas, replicas]] {
                let text = format!("{}/{} {}/{}", now[0][0], now[0][1], now[1][0], now[1][1]);
                let available_before = now[0][1] + now[1][1];
                let after: Vec<i64> = sizes(&planned(&deployment, sets(&text, &deployment)))
                    .split(' ')
                    .map(|n| n.parse().expect("a number"))
                    .collect();
                assert!(after[0] + after[1] <= most.max(now[0][0] + now[1][0]), "seed {seed}: {text} -> {after:?} of {most}");
                // The set's controller deletes what is not available first.
                let left = [now[0][1].min(after[0]), now[1][1].min(after[1])];
                let least = deployment.min_available().min(available_before);
                assert!(left[0] + left[1] >= least, "seed {seed}: {text} -> {after:?} leaves less than {least}");
                now = [[after[0], left[0]], [after[1], left[1]]];
                // Pods come up, and early on one may fail.
                for set in &mut now {
                    set[1] += random(&mut state, set[0] - set[1] + 1);
                }
                if steps < 20 && random(&mut state, 4) == 0 {
                    now[0][1] -= i64::from(now[0][1] > 0);
                }
                steps += 1;
                assert!(steps < 2000, "seed {seed} does not end: {text}");
            }
        }
    }
}
