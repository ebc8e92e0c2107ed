//! `v1.PodLogOptions` out of a query.

use crate::server::query::pairs;
use meta::Time;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogOptions {
    pub follow: bool,
    pub previous: bool,
    pub timestamps: bool,
    /// Lines before are left out.
    pub since: Option<Time>,
    pub tail_lines: Option<u64>,
    pub limit_bytes: Option<u64>,
    pub stdout: bool,
    pub stderr: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionsError {
    Undecodable,
    Invalid,
}

impl LogOptions {
    pub fn parse(query: &str, now: Time) -> Result<Self, OptionsError> {
        use OptionsError::{Invalid, Undecodable};
        let number = |value: &str| value.parse::<i64>().map_err(|_| Undecodable);
        // Go's conversion of query booleans.
        let truth = |value: &str| !matches!(value, "0" | "false" | "False" | "FALSE" | "f" | "F");
        let mut options = Self {
            follow: false,
            previous: false,
            timestamps: false,
            since: None,
            tail_lines: None,
            limit_bytes: None,
            stdout: true,
            stderr: true,
        };
        let (mut since_seconds, mut since_time) = (None, None);
        for (name, value) in pairs(query) {
            match name.as_str() {
                "follow" => options.follow = truth(&value),
                "previous" => options.previous = truth(&value),
                "timestamps" => options.timestamps = truth(&value),
                "sinceSeconds" => since_seconds = Some(number(&value)?),
                "sinceTime" => since_time = Some(Time::parse(&value).ok_or(Undecodable)?),
                "tailLines" => options.tail_lines = Some(u64::try_from(number(&value)?).map_err(|_| Invalid)?),
                "limitBytes" => {
                    options.limit_bytes = Some(u64::try_from(number(&value)?).ok().filter(|n| *n > 0).ok_or(Invalid)?);
                }
                "stream" => (options.stdout, options.stderr) = streams(&value)?,
                _ => {}
            }
        }
        let one_stream = !(options.stdout && options.stderr);
        if one_stream && options.tail_lines.is_some() || since_seconds.is_some() && since_time.is_some() {
            return Err(Invalid);
        }
        options.since = match since_seconds {
            Some(seconds) if seconds < 1 => return Err(Invalid),
            Some(seconds) => Some(now.plus_seconds(-seconds)),
            None => since_time,
        };
        Ok(options)
    }
}

fn streams(name: &str) -> Result<(bool, bool), OptionsError> {
    match name {
        "" | "All" => Ok((true, true)),
        "Stdout" => Ok((true, false)),
        "Stderr" => Ok((false, true)),
        _ => Err(OptionsError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused() {
        let now = Time::from_unix(1000);
        for (query, expected) in [
            ("", None),
            ("follow=true&tailLines=0&sinceSeconds=1&timestamps=1", None),
            ("sinceTime=2026-01-01T00:00:00Z", None),
            ("stream=Stderr", None),
            ("tailLines=x", Some(OptionsError::Undecodable)),
            ("sinceTime=x", Some(OptionsError::Undecodable)),
            ("tailLines=-1", Some(OptionsError::Invalid)),
            ("limitBytes=0", Some(OptionsError::Invalid)),
            ("sinceSeconds=0", Some(OptionsError::Invalid)),
            ("sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z", Some(OptionsError::Invalid)),
            ("stream=Stdout&tailLines=1", Some(OptionsError::Invalid)),
            ("stream=Both", Some(OptionsError::Invalid)),
        ] {
            assert_eq!(LogOptions::parse(query, now).err(), expected, "{query}");
        }
        assert_eq!(LogOptions::parse("sinceSeconds=10", now).expect("sound").since, Some(Time::from_unix(990)));
    }
}
