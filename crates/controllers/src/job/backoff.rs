//! How long a job waits after failures before it makes another pod: 10 s, 20 s, 40 s, up to 10 min.
//! Follows kubernetes `pkg/controller/job/backoff_utils.go`, reading from the pods what upstream keeps in memory.

use super::pod::JobPod;
use super::view::Job;
use meta::Time;

const FIRST_SECONDS: i64 = 10;
const LONGEST_SECONDS: i64 = 600;

/// Seconds until the job's next pod, after the failures since the last success.
pub(super) fn seconds_left(job: &Job, pods: &[JobPod], now: Time) -> i64 {
    let succeeded = pods.iter().filter(|pod| pod.has_succeeded()).map(JobPod::finished_at).max();
    let failed = pods.iter().filter(|pod| job.considers_failed(pod)).map(JobPod::finished_at);
    let since: Vec<Time> = failed.filter(|at| succeeded.is_none_or(|success| *at > success)).collect();
    after(since.len() as i64, since.iter().max().copied(), now)
}

/// Seconds until the next pod of the index that this failed pod had.
pub(super) fn seconds_left_of_index(failed: Option<&JobPod>, now: Time) -> i64 {
    let Some(failed) = failed else { return 0 };
    after(failed.index_failures() + failed.ignored_index_failures() + 1, Some(failed.finished_at()), now)
}

fn after(failures: i64, last: Option<Time>, now: Time) -> i64 {
    let Some(last) = last.filter(|_| failures > 0) else { return 0 };
    let doublings = u32::try_from(failures - 1).unwrap_or(u32::MAX);
    let pause = FIRST_SECONDS.saturating_mul(2_i64.saturating_pow(doublings)).min(LONGEST_SECONDS);
    (pause - now.seconds_since(last)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        let last = Time::from_unix(1000);
        for (failures, elapsed, left) in
            [(0, 0, 0), (1, 0, 10), (1, 4, 6), (1, 10, 0), (1, 99, 0), (2, 0, 20), (3, 0, 40), (7, 0, 600), (99, 0, 600)]
        {
            assert_eq!(after(failures, Some(last), last.plus_seconds(elapsed)), left, "{failures} failures, {elapsed} s ago");
        }
    }
}
