//! Time as a parameter: whoever needs the hour is handed a [`Clock`].

use std::fmt;
use std::sync::Arc;

/// A moment, printed as Kubernetes prints `metav1.Time`: RFC 3339 in UTC, whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub jiff::Timestamp);

impl Time {
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
    pub fn from_unix(seconds: i64) -> Self {
        Self(jiff::Timestamp::from_second(seconds.clamp(0, 253_402_207_200)).expect("clamped into the valid range"))
    }
    pub fn unix(self) -> i64 {
        self.0.as_second()
    }
    /// Fractional seconds since the epoch, as AWS's JSON protocols carry timestamps.
    pub fn unix_fraction(self) -> f64 {
        self.0.as_millisecond() as f64 / 1000.0
    }
    /// `metav1.MicroTime`: six digits of fraction, always.
    pub fn micro(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
    }
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_unix(self.unix() + seconds)
    }
    pub fn seconds_since(self, earlier: Time) -> i64 {
        self.unix() - earlier.unix()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// The source of the hour and of fresh identifiers.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Time;
    #[expect(clippy::disallowed_methods, reason = "the one place where identifiers come from")]
    fn new_uid(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock. Constructed once, in composition.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Time {
        Time(jiff::Timestamp::now())
    }
}

/// How long something has lasted, as kubectl's AGE column prints it (`duration.HumanDuration` of k8s.io/apimachinery).
pub fn human_duration(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let pair = |big: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit}{small}{small_unit}"),
    };
    match seconds {
        i64::MIN..=-2 => "<invalid>".into(),
        -1 => "0s".into(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 192 => pair(days, "d", hours % 24, "h"),
        _ if days < 730 => format!("{days}d"),
        _ if days < 2920 => pair(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_upstream_prints_them() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (86_400 * 8, "8d"),
            (86_400 * 730, "2y"),
            (86_400 * 731, "2y1d"),
            (86_400 * 3000, "8y"),
            (-5, "<invalid>"),
        ] {
            assert_eq!(human_duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn times_print_whole_seconds_and_micros() {
        let time = Time::parse("2026-11-20T10:11:12.5Z").expect("a valid time");
        assert_eq!(time.to_string(), "2026-11-20T10:11:12Z");
        assert_eq!(time.micro(), "2026-11-20T10:11:12.500000Z");
    }
}
