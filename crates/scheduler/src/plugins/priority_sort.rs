//! PrioritySort: higher priority first, then who has waited longer
//! (kubernetes pkg/scheduler/framework/plugins/queuesort/priority_sort.go).

use std::cmp::Reverse;
use tokio::time::Instant;

/// Greater goes first; `serial` settles equal times.
pub type Rank = (i32, Reverse<Instant>, Reverse<u64>);

pub fn rank(priority: i32, since: Instant, serial: u64) -> Rank {
    (priority, Reverse(since), Reverse(serial))
}
