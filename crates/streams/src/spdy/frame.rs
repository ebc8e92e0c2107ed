//! SPDY/3.1 frames as bytes (SPDY Protocol - Draft 3.1, section 2).

use super::headers::{HeaderReader, HeaderWriter, Headers};
use std::io;

/// Largest control frame that is read: a header block is small, and a length is only a claim.
const MAX_CONTROL_BYTES: usize = 64 << 10;
const VERSION: u16 = 3;
const FLAG_FIN: u8 = 1;
const INITIAL_WINDOW_SIZE: u32 = 7;

pub(super) const HEAD_BYTES: usize = 8;

/// Why a stream is ended at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    ProtocolError = 1,
    RefusedStream = 3,
    Cancel = 5,
}

/// The eight bytes that every frame begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    Data { stream: u32, fin: bool, length: usize },
    Control { kind: u16, flags: u8, length: usize },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Control {
    Syn {
        stream: u32,
        fin: bool,
        headers: Headers,
    },
    Reset {
        stream: u32,
    },
    Settings {
        initial_window: Option<i64>,
    },
    Ping(u32),
    WindowUpdate {
        stream: u32,
        bytes: i64,
    },
    /// Nothing that a server has to act on.
    Other,
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("SPDY: {what}"))
}

pub(super) fn head(bytes: [u8; HEAD_BYTES]) -> io::Result<Head> {
    let [a, b, c, d, flags, e, f, g] = bytes;
    let length = u32::from_be_bytes([0, e, f, g]) as usize;
    if a & 0x80 == 0 {
        return Ok(Head::Data { stream: u32::from_be_bytes([a, b, c, d]), fin: flags & FLAG_FIN != 0, length });
    }
    if u16::from_be_bytes([a & 0x7f, b]) != VERSION {
        return Err(malformed("a frame of another version"));
    }
    if length > MAX_CONTROL_BYTES {
        return Err(malformed("a control frame is too large"));
    }
    Ok(Head::Control { kind: u16::from_be_bytes([c, d]), flags, length })
}

fn word(payload: &[u8], at: usize) -> io::Result<u32> {
    let bytes = payload.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_be_bytes).ok_or_else(|| malformed("a control frame is too short"))
}

pub(super) fn control(kind: u16, flags: u8, payload: &[u8], headers: &mut HeaderReader) -> io::Result<Control> {
    const ID: u32 = 0x7fff_ffff;
    Ok(match kind {
        1 => Control::Syn {
            stream: word(payload, 0)? & ID,
            fin: flags & FLAG_FIN != 0,
            // Behind the ids: priority, slot.
            headers: headers.read(payload.get(10..).ok_or_else(|| malformed("a SYN_STREAM is too short"))?)?,
        },
        3 => Control::Reset { stream: word(payload, 0)? & ID },
        4 => Control::Settings { initial_window: settings(payload)? },
        6 => Control::Ping(word(payload, 0)?),
        // SYN_REPLY and HEADERS carry blocks too, and all blocks share one history.
        2 | 8 => {
            headers.read(payload.get(4..).ok_or_else(|| malformed("a header frame is too short"))?)?;
            Control::Other
        }
        9 => Control::WindowUpdate { stream: word(payload, 0)? & ID, bytes: i64::from(word(payload, 4)? & ID) },
        _ => Control::Other,
    })
}

fn settings(payload: &[u8]) -> io::Result<Option<i64>> {
    let count = word(payload, 0)? as usize;
    let entries = payload.get(4..).unwrap_or_default().as_chunks::<8>().0.iter().take(count);
    let value = |entry: &[u8; 8]| (word(entry, 0).unwrap_or(0) & 0x00ff_ffff, word(entry, 4).unwrap_or(0));
    Ok(entries.map(value).find(|(id, _)| *id == INITIAL_WINDOW_SIZE).map(|(_, bytes)| i64::from(bytes & 0x7fff_ffff)))
}

fn put_control(out: &mut Vec<u8>, kind: u16, payload: &[u8]) {
    out.extend((0x8000 | VERSION).to_be_bytes());
    out.extend(kind.to_be_bytes());
    out.extend((payload.len() as u32).to_be_bytes());
    out.extend(payload);
}

fn put_words(out: &mut Vec<u8>, kind: u16, words: [u32; 2]) {
    put_control(out, kind, &words.map(u32::to_be_bytes).concat());
}

/// `bytes` is at most as long as a frame of ours gets: far below the 24 bits of its length.
pub(super) fn put_data(out: &mut Vec<u8>, stream: u32, fin: bool, bytes: &[u8]) {
    out.extend(stream.to_be_bytes());
    out.extend((u32::from(fin) << 24 | bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

pub(super) fn put_reply(out: &mut Vec<u8>, stream: u32, headers: &mut HeaderWriter) -> io::Result<()> {
    let mut payload = stream.to_be_bytes().to_vec();
    payload.extend(headers.write(&Vec::new())?);
    put_control(out, 2, &payload);
    Ok(())
}

pub(super) fn put_reset(out: &mut Vec<u8>, stream: u32, code: Code) {
    put_words(out, 3, [stream, code as u32]);
}

pub(super) fn put_ping(out: &mut Vec<u8>, id: u32) {
    put_control(out, 6, &id.to_be_bytes());
}

pub(super) fn put_goaway(out: &mut Vec<u8>, last: u32) {
    put_words(out, 7, [last, 0]);
}

pub(super) fn put_window_update(out: &mut Vec<u8>, stream: u32, bytes: u32) {
    put_words(out, 9, [stream, bytes]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out);
        out
    }

    #[test]
    fn frames_have_the_shape_of_the_specification() {
        for (frame, expected) in [
            (written(|o| put_data(o, 5, true, b"ab")), vec![0, 0, 0, 5, 1, 0, 0, 2, b'a', b'b']),
            (written(|o| put_reset(o, 5, Code::Cancel)), vec![0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 5]),
            (written(|o| put_ping(o, 1)), vec![0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1]),
            (written(|o| put_goaway(o, 7)), vec![0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 0]),
            (written(|o| put_window_update(o, 3, 9)), vec![0x80, 3, 0, 9, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 9]),
        ] {
            assert_eq!(frame, expected);
        }
    }

    #[test]
    fn what_a_peer_sends_is_understood() {
        let mut headers = HeaderReader::default();
        for (kind, payload, expected) in [
            (3, vec![0, 0, 0, 5, 0, 0, 0, 5], Control::Reset { stream: 5 }),
            (4, vec![0, 0, 0, 1, 0, 0, 0, 7, 0, 1, 0, 0], Control::Settings { initial_window: Some(65536) }),
            (4, vec![0, 0, 0, 0], Control::Settings { initial_window: None }),
            (6, vec![0, 0, 0, 1], Control::Ping(1)),
            (9, vec![0, 0, 0, 0, 0, 0, 1, 0], Control::WindowUpdate { stream: 0, bytes: 256 }),
            (77, vec![], Control::Other),
        ] {
            assert_eq!(control(kind, 0, &payload, &mut headers).expect("a sound frame"), expected);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let mut headers = HeaderReader::default();
        for (kind, payload) in [(1, vec![0; 9]), (1, vec![0xff; 40]), (2, vec![]), (3, vec![0, 0]), (6, vec![]), (9, vec![0; 7])]
        {
            assert!(control(kind, 0, &payload, &mut headers).is_err(), "{kind} {payload:?}");
        }
        assert!(head([0x80, 2, 0, 1, 0, 0, 0, 0]).is_err(), "another version");
        assert!(head([0x80, 3, 0, 1, 0, 1, 0, 1]).is_err(), "too large");
        let data = Head::Data { stream: 1, fin: true, length: 65537 };
        assert_eq!(head([0, 0, 0, 1, 1, 1, 0, 1]).expect("data may be large"), data);
    }
}
