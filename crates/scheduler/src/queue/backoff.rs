//! How long a pod pauses after an attempt that failed.

use std::time::Duration;

const INITIAL: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Twice as long after every attempt.
pub fn pause(attempts: u32) -> Duration {
    match attempts {
        0 => Duration::ZERO,
        _ => (INITIAL * 2u32.pow((attempts - 1).min(4))).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        for (attempts, seconds) in [(0, 0), (1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (6, 10), (u32::MAX, 10)] {
            assert_eq!(pause(attempts).as_secs(), seconds, "{attempts}");
        }
    }
}
