//! Which of its times a CronJob is due for: `mostRecentScheduleTime` of kubernetes `pkg/controller/cronjob/utils.go`.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use meta::cron::Schedule;
use std::time::Duration;

/// Clocks that are set a little differently do not wake anybody too early.
const PADDING: Duration = Duration::from_millis(100);
/// More missed times than this are worth a warning.
const MANY: i64 = 100;

/// A schedule where it runs.
pub(super) struct Timetable<'a> {
    pub schedule: &'a Schedule,
    pub zone: &'a TimeZone,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Times are counted from here.
    since: Timestamp,
    /// The latest time that has come. None: none has.
    pub at: Option<Timestamp>,
    missed: i64,
}

impl Due {
    pub fn missed_many(&self) -> bool {
        self.missed > MANY
    }
}

impl Timetable<'_> {
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.schedule.next(after, self.zone)
    }

    /// `since` is the last time a job was started, or the creation. Nothing that is older than `deadline_seconds` counts.
    pub fn due(&self, since: Timestamp, deadline_seconds: Option<i64>, now: Timestamp) -> Result<Due, String> {
        let never = || "time difference between two schedules is less than 1 second".to_owned();
        let deadline = deadline_seconds.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok());
        let since = deadline.map_or(since, |deadline| deadline.max(since));
        let first = self.next(since).ok_or_else(never)?;
        if now < first {
            return Ok(Due { since, at: None, missed: 0 });
        }
        let Some(second) = self.next(first).filter(|second| *second <= now) else {
            return Ok(Due { since, at: Some(first), missed: 0 });
        };
        let interval = (second.as_second() - first.as_second()).max(1);
        let missed = (now.as_second() - first.as_second()) / interval + 1;
        // By the interval most of the way, so that years do not have to be walked through.
        let near = first.checked_add(SignedDuration::from_secs((missed - 2) * interval)).unwrap_or(first);
        let mut at = None;
        let mut next = self.next(near);
        while let Some(time) = next.filter(|time| *time <= now) {
            at = Some(time);
            next = self.next(time);
        }
        Ok(Due { since, at, missed })
    }

    /// How long until the next time.
    pub fn wait(&self, since: Timestamp, now: Timestamp) -> Option<Duration> {
        let from = match self.due(since, None, now) {
            Ok(Due { at: Some(at), .. }) => at,
            Ok(due) if due.missed == 0 => due.since,
            _ => now,
        };
        let wait = self.next(from)?.duration_since(now);
        Some(Duration::try_from(wait).unwrap_or(Duration::ZERO) + PADDING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_time_counts() {
        let time = |text: &str| -> Timestamp { format!("2026-01-01T{text}Z").parse().expect("a time") };
        for (schedule, since, deadline, now, at, many, wait) in [
            ("0 * * * *", "10:00:00", None, "10:59:59", None, false, 1),
            ("0 * * * *", "10:00:00", None, "11:00:00", Some("11:00:00"), false, 3600),
            ("0 * * * *", "10:00:00", None, "15:30:00", Some("15:00:00"), false, 1800),
            ("* * * * *", "00:00:00", None, "10:00:30", Some("10:00:00"), true, 30),
            ("* * * * *", "00:00:00", Some(90), "10:00:30", Some("10:00:00"), false, 30),
            ("0 * * * *", "10:00:00", Some(60), "11:02:00", None, false, 3480),
            ("30 6-16/4 * * *", "06:30:00", None, "14:45:00", Some("14:30:00"), false, 56_700),
            ("@every 1h", "10:00:10", None, "13:00:10", Some("13:00:10"), false, 3600),
        ] {
            let schedule = Schedule::parse(schedule).expect("a schedule");
            let table = Timetable { schedule: &schedule, zone: &TimeZone::UTC };
            let due = table.due(time(since), deadline, time(now)).expect("a time");
            assert_eq!((due.at, due.missed_many()), (at.map(time), many), "{schedule:?} at {now}");
            let expected = Duration::from_secs(wait) + PADDING;
            assert_eq!(table.wait(time(since), time(now)), Some(expected), "{schedule:?} at {now}");
        }
        let never = Schedule::parse("59 23 31 2 *").expect("a schedule");
        let table = Timetable { schedule: &never, zone: &TimeZone::UTC };
        assert!(table.due(time("00:00:00"), None, time("10:00:00")).is_err());
        assert_eq!(table.wait(time("00:00:00"), time("10:00:00")), None);
    }
}
