//! Many calls that likely all fail alike: a few first, then twice as many (`slowStartBatch` of kubernetes
//! `pkg/controller/replicaset/replica_set.go`).

use futures::future::join_all;
use std::future::Future;

/// Makes `count` calls in batches of 1, 2, 4 and so on. A batch with a failure is the last. Returns what succeeded, and
/// the first failure.
pub(crate) async fn slow_start<T, E, Fut>(count: usize, call: impl Fn(usize) -> Fut) -> (Vec<T>, Option<E>)
where
    Fut: Future<Output = Result<T, E>>,
{
    let (mut done, mut failed) = (Vec::with_capacity(count), None);
    let (mut next, mut size) = (0, 1);
    while next < count && failed.is_none() {
        let end = count.min(next + size);
        for outcome in join_all((next..end).map(&call)).await {
            match outcome {
                Ok(value) => done.push(value),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        (next, size) = (end, size * 2);
    }
    (done, failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn a_failure_ends_after_its_batch() {
        for (count, fails_at, called, succeeded) in [
            (0, usize::MAX, 0, 0),
            (1, usize::MAX, 1, 1),
            (10, usize::MAX, 10, 10),
            (10, 0, 1, 0),
            (10, 1, 3, 2),
            (10, 4, 7, 6),
            (5, 4, 5, 4),
        ] {
            let calls = AtomicUsize::new(0);
            let (done, failed) = slow_start(count, |index| {
                calls.fetch_add(1, Ordering::Relaxed);
                async move { if index == fails_at { Err("no") } else { Ok(index) } }
            })
            .await;
            assert_eq!((calls.into_inner(), done.len()), (called, succeeded), "{count} calls, of which {fails_at} fails");
            assert_eq!(failed.is_some(), fails_at < count);
        }
    }
}
