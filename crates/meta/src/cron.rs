//! Schedules of CronJobs as github.com/robfig/cron reads them: five fields or a word, and when they come round next.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// Later than this nothing is looked for: a day that never comes.
const YEARS_AHEAD: i16 = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    Fields(Box<Fields>),
    /// Seconds from one time to the next.
    Every(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// The values that fit, as bits, and whether the field was a star.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    bits: u64,
    star: bool,
}

impl Field {
    fn has(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.bits >> value & 1 == 1)
    }
}

/// Lowest and highest value, and the names values may go by, from the lowest on.
type Bounds = (u32, u32, &'static [&'static str]);

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const BOUNDS: [Bounds; 5] = [(0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, MONTHS), (0, 6, DAYS)];

impl Schedule {
    /// What is wrong is said in the parser's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields = match text.strip_prefix('@') {
            None => text,
            Some("yearly" | "annually") => "0 0 1 1 *",
            Some("monthly") => "0 0 1 * *",
            Some("weekly") => "0 0 * * 0",
            Some("daily" | "midnight") => "0 0 * * *",
            Some("hourly") => "0 * * * *",
            Some(word) => {
                let pause = word.strip_prefix("every ").ok_or_else(|| format!("unrecognized descriptor: {text}"))?;
                let seconds = duration(pause.trim()).ok_or_else(|| format!("failed to parse duration {text}"))?;
                return Ok(Self::Every(seconds.max(1)));
            }
        };
        let words: Vec<&str> = fields.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = words[..] else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", words.len(), words.join(" ")));
        };
        Ok(Self::Fields(Box::new(Fields {
            minutes: field(minutes, BOUNDS[0])?,
            hours: field(hours, BOUNDS[1])?,
            days: field(days, BOUNDS[2])?,
            months: field(months, BOUNDS[3])?,
            weekdays: field(weekdays, BOUNDS[4])?,
        })))
    }

    /// The first time after this one, where the clock shows the zone's time. None when there is none for years.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(seconds) => Timestamp::from_second(after.as_second().checked_add(*seconds)?).ok(),
            Self::Fields(fields) => fields.next(after, zone),
        }
    }
}

/// `1h30m`, `90s`: whole seconds of what Go's `time.ParseDuration` reads.
fn duration(text: &str) -> Option<i64> {
    let (mut seconds, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let scale = match &after[..unit] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = &after[unit..];
    }
    (!text.is_empty()).then_some(seconds as i64)
}

fn field(text: &str, bounds: Bounds) -> Result<Field, String> {
    let parts = text.split(',').map(|part| range(part, bounds)).collect::<Result<Vec<Field>, String>>()?;
    let none = Field { bits: 0, star: false };
    Ok(parts.into_iter().fold(none, |all, part| Field { bits: all.bits | part.bits, star: all.star || part.star }))
}

/// `n`, `n-m`, `*` or `?`, and after a slash every how many.
fn range(text: &str, (low, high, names): Bounds) -> Result<Field, String> {
    let number = |text: &str| -> Result<u32, String> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text)).and_then(|at| u32::try_from(at).ok());
        named.map_or_else(|| text.parse().map_err(|_| format!("failed to parse int from {text}")), |at| Ok(at + low))
    };
    let (values, step) = text.split_once('/').map_or((text, None), |(values, step)| (values, Some(step)));
    let star = values == "*" || values == "?";
    let (start, mut end) = match values.split_once('-') {
        _ if star => (low, high),
        Some((start, end)) => (number(start)?, number(end)?),
        None => (number(values)?, number(values)?),
    };
    let step = match step {
        None => 1,
        Some(step) => {
            // From a single value on: up to the highest.
            end = if values.contains('-') { end } else { high };
            step.parse::<u32>().map_err(|_| format!("failed to parse int from {step}"))?
        }
    };
    if start < low {
        return Err(format!("beginning of range ({start}) below minimum ({low}): {text}"));
    }
    if end > high {
        return Err(format!("end of range ({end}) above maximum ({high}): {text}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    let bits = (start..=end).step_by(step as usize).fold(0, |bits, value| bits | 1 << value);
    Ok(Field { bits, star: star && step == 1 })
}

impl Fields {
    /// Where both a day of the month and a weekday are named, either will do.
    fn fits_day(&self, date: Date) -> bool {
        let (day, weekday) = (self.days.has(date.day()), self.weekdays.has(date.weekday().to_sunday_zero_offset()));
        if self.days.star || self.weekdays.star { day && weekday } else { day || weekday }
    }

    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // Whole minutes, beginning with the one after.
        let mut at = Timestamp::from_second((after.as_second().div_euclid(60) + 1) * 60).ok()?;
        let last = zone.to_datetime(at).year() + YEARS_AHEAD;
        loop {
            let shown = zone.to_datetime(at);
            if shown.year() > last {
                return None;
            }
            at = if !self.months.has(shown.month()) {
                start_of(zone, shown.date().first_of_month(), 1.month())?
            } else if !self.fits_day(shown.date()) {
                start_of(zone, shown.date(), 1.day())?
            } else if !self.hours.has(shown.hour()) {
                // By the clock of the world, not the wall's: an hour that is left out or comes twice is met as it comes.
                at.checked_add((60 - i64::from(shown.minute())).minutes()).ok()?
            } else if !self.minutes.has(shown.minute()) {
                at.checked_add(1.minute()).ok()?
            } else {
                return Some(at);
            };
        }
    }
}

fn start_of(zone: &TimeZone, date: Date, later: Span) -> Option<Timestamp> {
    let midnight: DateTime = date.checked_add(later).ok()?.at(0, 0, 0, 0);
    zone.to_zoned(midnight).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(schedule: &str, zone: &TimeZone, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(schedule).expect("a schedule");
        let mut at: Timestamp = after.parse().expect("a time");
        let mut found = Vec::new();
        while let Some(next) = schedule.next(at, zone).filter(|_| found.len() < count) {
            found.push(zone.to_datetime(next).to_string());
            at = next;
        }
        found
    }

    #[test]
    fn schedules_come_round() {
        let utc = TimeZone::UTC;
        for (schedule, after, expected) in [
            ("* * * * *", "2026-01-01T00:00:30Z", ["2026-01-01T00:01:00", "2026-01-01T00:02:00"]),
            ("*/15 * * * *", "2026-01-01T00:50:00Z", ["2026-01-01T01:00:00", "2026-01-01T01:15:00"]),
            ("5/20 3 * * *", "2026-01-01T00:00:00Z", ["2026-01-01T03:05:00", "2026-01-01T03:25:00"]),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
            ("30 6-16/4 * * mon-fri", "2026-01-02T12:00:00Z", ["2026-01-02T14:30:00", "2026-01-05T06:30:00"]),
            // A day of the month or a weekday.
            ("0 0 13 * fri", "2026-01-01T00:00:00Z", ["2026-01-02T00:00:00", "2026-01-09T00:00:00"]),
            ("0 0 13 * *", "2026-01-01T00:00:00Z", ["2026-01-13T00:00:00", "2026-02-13T00:00:00"]),
            ("0 0 ? dec ?", "2026-01-01T00:00:00Z", ["2026-12-01T00:00:00", "2026-12-02T00:00:00"]),
            ("@monthly", "2026-01-01T00:00:00Z", ["2026-02-01T00:00:00", "2026-03-01T00:00:00"]),
            ("@every 1h30m", "2026-01-01T00:00:10Z", ["2026-01-01T01:30:10", "2026-01-01T03:00:10"]),
        ] {
            assert_eq!(times(schedule, &utc, after, 2), expected, "{schedule}");
        }
        assert!(times("0 0 31 2 *", &utc, "2026-01-01T00:00:00Z", 1).is_empty());
    }

    #[test]
    fn hours_that_are_left_out_or_come_twice() {
        let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").expect("a zone");
        // On the eighth of March there is no half past two.
        assert_eq!(times("30 2 * * *", &zone, "2026-03-07T12:00:00Z", 2), ["2026-03-09T02:30:00", "2026-03-10T02:30:00"]);
        // On the first of November half past one comes twice.
        let twice = ["2026-11-01T01:30:00", "2026-11-01T01:30:00", "2026-11-02T01:30:00"];
        assert_eq!(times("30 1 * * *", &zone, "2026-10-31T12:00:00Z", 3), twice);
    }

    #[test]
    fn what_is_no_schedule() {
        for (text, problem) in [
            ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-3 * * * *", "beginning of range (5) beyond end of range (3): 5-3"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("x * * * *", "failed to parse int from x"),
            ("@fortnightly", "unrecognized descriptor: @fortnightly"),
            ("@every soon", "failed to parse duration @every soon"),
        ] {
            assert_eq!(Schedule::parse(text), Err(problem.to_owned()), "{text}");
        }
    }
}
