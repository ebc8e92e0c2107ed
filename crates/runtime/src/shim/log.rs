//! Container logs in CRI's format (`TIME stdout F text`), rotated by size. Follows kubernetes pkg/kubelet/logs and
//! containerd's logger: a line that is longer than a piece, or that has no end yet when the stream closes, is marked `P`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The longest piece of a line.
const MAX_PIECE: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

pub struct Log {
    path: PathBuf,
    file: File,
    size: u64,
    max_bytes: u64,
    max_files: u32,
    /// Of each stream: what came after the last end of line.
    rest: [Vec<u8>; 2],
    line: Vec<u8>,
}

impl Log {
    /// 0 bytes: never rotated.
    pub fn open(path: &Path, max_bytes: u64, max_files: u32) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = append(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, max_bytes, max_files, rest: Default::default(), line: Vec::new() })
    }

    pub fn write(&mut self, stream: Stream, mut bytes: &[u8], now_ns: i64) -> io::Result<()> {
        let mut rest = std::mem::take(&mut self.rest[stream as usize]);
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.pieces(stream, &mut rest, &bytes[..end], now_ns);
            self.piece(stream, b'F', &rest, now_ns);
            rest.clear();
            bytes = &bytes[end + 1..];
        }
        self.pieces(stream, &mut rest, bytes, now_ns);
        self.rest[stream as usize] = rest;
        self.flush(now_ns)
    }

    /// The stream has ended: what has no end of line is kept all the same.
    pub fn finish(&mut self, stream: Stream, now_ns: i64) -> io::Result<()> {
        let rest = std::mem::take(&mut self.rest[stream as usize]);
        if !rest.is_empty() {
            self.piece(stream, b'P', &rest, now_ns);
        }
        self.flush(now_ns)
    }

    /// Adds to an unfinished line, and puts out what is longer than a piece.
    fn pieces(&mut self, stream: Stream, rest: &mut Vec<u8>, bytes: &[u8], now_ns: i64) {
        rest.extend_from_slice(bytes);
        let mut start = 0;
        while rest.len() - start > MAX_PIECE {
            self.piece(stream, b'P', &rest[start..start + MAX_PIECE], now_ns);
            start += MAX_PIECE;
        }
        rest.drain(..start);
    }

    fn piece(&mut self, stream: Stream, tag: u8, text: &[u8], now_ns: i64) {
        self.line.extend_from_slice(timestamp(now_ns).as_bytes());
        self.line.push(b' ');
        self.line.extend_from_slice(stream.name().as_bytes());
        self.line.extend_from_slice(&[b' ', tag, b' ']);
        self.line.extend_from_slice(text);
        self.line.push(b'\n');
    }

    fn flush(&mut self, now_ns: i64) -> io::Result<()> {
        let lines = std::mem::take(&mut self.line);
        let written = self.file.write_all(&lines);
        self.size += lines.len() as u64;
        // Kept for its room; a burst must not stay in memory.
        self.line = if lines.capacity() > 64 << 10 { Vec::new() } else { lines };
        self.line.clear();
        written?;
        if self.max_bytes > 0 && self.size >= self.max_bytes { self.rotate(now_ns) } else { Ok(()) }
    }

    /// Renames as the kubelet does: `0.log.20260101-120000`, and removes the oldest.
    fn rotate(&mut self, now_ns: i64) -> io::Result<()> {
        let stamp =
            jiff::Timestamp::from_nanosecond(i128::from(now_ns)).unwrap_or_default().strftime("%Y%m%d-%H%M%S").to_string();
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut rotated = self.path.with_file_name(format!("{name}.{stamp}"));
        let mut number = 1;
        while rotated.exists() {
            rotated = self.path.with_file_name(format!("{name}.{stamp}-{number}"));
            number += 1;
        }
        fs::rename(&self.path, rotated)?;
        self.file = append(&self.path)?;
        self.size = 0;
        let mut older = older(&self.path, &name)?;
        let keep = (self.max_files.max(2) - 1) as usize;
        while older.len() > keep {
            fs::remove_file(older.remove(0))?;
        }
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

/// Rotated files, the oldest first.
fn older(path: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let Some(directory) = path.parent() else { return Ok(Vec::new()) };
    let prefix = format!("{name}.");
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// RFC 3339 with nanoseconds, as every reader of these logs expects it.
fn timestamp(now_ns: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(now_ns)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000_000_001;
    const AT: &str = "2026-01-01T00:00:00.000000001Z";

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("pilothouse-log-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        directory
    }

    #[test]
    fn lines_and_pieces_are_marked() {
        let directory = directory("lines");
        let path = directory.join("c/0.log");
        let mut log = Log::open(&path, 0, 0).expect("a log");
        for (stream, text) in [(Stream::Stdout, "one\ntw"), (Stream::Stderr, "err\n"), (Stream::Stdout, "o\n\nend")] {
            log.write(stream, text.as_bytes(), NOW).expect("written");
        }
        log.write(Stream::Stderr, &vec![b'x'; MAX_PIECE + 1], NOW).expect("written");
        log.finish(Stream::Stdout, NOW).expect("finished");
        log.finish(Stream::Stderr, NOW).expect("finished");
        let long = "x".repeat(MAX_PIECE);
        let expected = format!(
            "{AT} stdout F one\n{AT} stderr F err\n{AT} stdout F two\n{AT} stdout F \n{AT} stderr P {long}\n{AT} stdout P end\n{AT} stderr P x\n"
        );
        assert_eq!(fs::read_to_string(&path).expect("the log"), expected);
        fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn full_files_make_room_for_new_ones() {
        let directory = directory("rotation");
        let path = directory.join("0.log");
        let mut log = Log::open(&path, 100, 3).expect("a log");
        for number in 0..20_i64 {
            let line = format!("line {number} {}\n", "x".repeat(60));
            log.write(Stream::Stdout, line.as_bytes(), NOW + number * 1_000_000_000).expect("written");
        }
        let mut names: Vec<String> = fs::read_dir(&directory)
            .expect("files")
            .map(|e| e.expect("a file").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["0.log", "0.log.20260101-000018", "0.log.20260101-000019"]);
        fs::remove_dir_all(directory).expect("removed");
    }
}
