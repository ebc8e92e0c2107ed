//! Ways of pods through the queue.

use super::*;
use crate::testing::pod;
use serde_json::json;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn waiting(name: &str, priority: i32) -> Arc<Pod> {
    pod(json!({"metadata": {"name": name, "uid": name}, "spec": {"priority": priority}}))
}

fn popped(queue: &mut Queue, now: Instant) -> Option<String> {
    queue.pop(now).map(|queued| queued.pod.name().to_owned())
}

#[tokio::test(start_paused = true)]
async fn important_pods_go_first_then_older_ones() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    for (name, priority, age) in [("young", 0, 0), ("old", 0, 5), ("important", 9, 0), ("least", -1, 9)] {
        queue.add(waiting(name, priority), false, now - seconds(age));
    }
    queue.add(waiting("gated", 100), true, now);
    let order: Vec<String> = std::iter::from_fn(|| popped(&mut queue, now)).collect();
    assert_eq!(order, ["important", "old", "young", "least"]);
    queue.update(waiting("gated", 100), false, now);
    assert_eq!(popped(&mut queue, now).as_deref(), Some("gated"));
}

#[tokio::test(start_paused = true)]
async fn an_unschedulable_pod_waits_for_a_change_that_helps() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.add(waiting("a", 0), false, now);
    let a = queue.pop(now).expect("a pod");
    queue.unschedulable(a, ["NodeName"].into(), now);
    assert!(popped(&mut queue, now + seconds(200)).is_none());
    queue.wake(now, |queued| !queued.refused_by.contains("NodeName"));
    assert!(popped(&mut queue, now).is_none());
    queue.wake(now, |queued| queued.refused_by.contains("NodeName"));
    let a = queue.pop(now).expect("with nothing else to do a pause is cut short");
    assert_eq!(a.attempts, 1);
    queue.unschedulable(a, BTreeSet::new(), now);
    assert_eq!(queue.next_due(), Some(now + MAX_UNSCHEDULABLE));
    assert_eq!(popped(&mut queue, now + MAX_UNSCHEDULABLE).as_deref(), Some("a"), "in the end it is tried anyway");
}

#[tokio::test(start_paused = true)]
async fn a_failure_pauses_whatever_else_there_is_to_do() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.add(waiting("a", 0), false, now);
    let a = queue.pop(now).expect("a pod");
    queue.failed(a, now);
    queue.wake(now, |_| true);
    assert!(popped(&mut queue, now).is_none());
    assert_eq!(queue.next_due(), Some(now + seconds(1)));
    assert_eq!(popped(&mut queue, now + seconds(1)).as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_asks_for_something_else_is_tried_anew() {
    let (mut queue, now) = (Queue::default(), Instant::now());
    queue.add(waiting("a", 0), false, now);
    let a = queue.pop(now).expect("a pod");
    queue.unschedulable(a, ["NodeName"].into(), now);
    queue.update(waiting("a", 0), false, now);
    assert!(popped(&mut queue, now).is_none(), "nothing changed");
    queue.update(waiting("a", 5), false, now);
    assert_eq!(popped(&mut queue, now).as_deref(), Some("a"));
    queue.add(waiting("b", 0), false, now);
    assert!(queue.remove("b").is_some() && popped(&mut queue, now).is_none());
}
