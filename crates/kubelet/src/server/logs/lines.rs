//! Lines of CRI's log format: `<time> <stdout|stderr> <F|P> <text>` (k8s.io/cri-client `pkg/logs`).

use super::options::LogOptions;
use bytes::{Bytes, BytesMut};
use meta::Time;

/// Turns lines into output, and knows when enough was said.
pub(super) struct Printer {
    options: LogOptions,
    left: u64,
    /// The last piece ended a line.
    fresh: bool,
}

impl Printer {
    pub fn new(options: LogOptions) -> Self {
        let left = options.limit_bytes.unwrap_or(u64::MAX);
        Self { options, left, fresh: true }
    }

    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// What a client sees of one line of the file, its newline included. Lines of another shape are left out.
    pub fn print(&mut self, line: &[u8]) -> Option<Bytes> {
        let (time, stream, partial, text) = split(line)?;
        let wanted = match stream {
            b"stdout" => self.options.stdout,
            b"stderr" => self.options.stderr,
            _ => return None,
        };
        let time = std::str::from_utf8(time).ok()?;
        let old = |since: Time| Time::parse(time).is_none_or(|time| time < since);
        if !wanted || self.options.since.is_some_and(old) {
            return None;
        }
        let mut out = BytesMut::with_capacity(text.len() + 40);
        if self.options.timestamps && self.fresh {
            out.extend_from_slice(time.as_bytes());
            out.extend_from_slice(b" ");
        }
        out.extend_from_slice(text);
        if !partial {
            out.extend_from_slice(b"\n");
        }
        self.fresh = !partial;
        out.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= out.len() as u64;
        Some(out.freeze()).filter(|out| !out.is_empty())
    }
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8], bool, &[u8])> {
    let line = line.strip_suffix(b"\n")?;
    let mut fields = line.splitn(4, |byte| *byte == b' ');
    let (time, stream, tags) = (fields.next()?, fields.next()?, fields.next()?);
    // Tags are separated by colons; the first tells whether the line goes on.
    let partial = match tags.split(|byte| *byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    Some((time, stream, partial, fields.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_what_was_written() {
        let lines = [
            "2026-01-01T00:00:01.000000000Z stdout F one\n",
            "2026-01-01T00:00:02.000000000Z stderr F two  words\n",
            "2026-01-01T00:00:03.000000000Z stdout P thr\n",
            "2026-01-01T00:00:03.100000000Z stdout F ee\n",
            "nonsense\n",
            "2026-01-01T00:00:04.000000000Z stdout F \n",
            "2026-01-01T00:00:05.000000000Z stdout F unfinished",
        ];
        for (query, expected) in [
            ("", "one\ntwo  words\nthree\n\n"),
            ("stream=Stderr", "two  words\n"),
            ("sinceTime=2026-01-01T00:00:02Z", "two  words\nthree\n\n"),
            ("limitBytes=6", "one\ntw"),
            (
                "timestamps=true&stream=Stdout",
                "2026-01-01T00:00:01.000000000Z one\n2026-01-01T00:00:03.000000000Z three\n2026-01-01T00:00:04.000000000Z \n",
            ),
        ] {
            let mut printer = Printer::new(LogOptions::parse(query, Time::from_unix(0)).expect("sound options"));
            let printed: Vec<Bytes> = lines.iter().filter_map(|line| printer.print(line.as_bytes())).collect();
            assert_eq!(String::from_utf8_lossy(&printed.concat()), expected, "{query}");
        }
    }
}
