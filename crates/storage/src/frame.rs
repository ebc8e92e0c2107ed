//! Checksummed frames in a file: how the log and the snapshots lie on disk.
//!
//! A file is a header {magic with format version, number, salt, crc32} and frames {marker, length, crc32, payload}. A
//! frame's checksum covers the salt and the frame's offset, so bytes that were copied, or written by a tenant to look
//! like a frame, do not pass for one.

use std::io::{self, Read};

use crate::error::Result;

pub(crate) const LOG_MAGIC: [u8; 8] = *b"PHLOG001";
pub(crate) const SNAPSHOT_MAGIC: [u8; 8] = *b"PHSNP001";
pub(crate) const HEADER_LEN: usize = 28;
const FRAME_HEADER_LEN: usize = 12;
const MARKER: [u8; 4] = [0xf5, b'P', b'h', 0xfa];
/// No writer makes larger frames; a length beyond it is damage.
const MAX_PAYLOAD: usize = 1 << 30;

/// What ties frames to their file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u32);

pub(crate) fn header(magic: [u8; 8], number: u64) -> Result<(Vec<u8>, Seed)> {
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&crate::crypto::random::<8>()?);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    Ok((bytes, Seed(checksum)))
}

/// Why bytes are not what they should be, in words for the error message.
pub(crate) type Damage = &'static str;

pub(crate) fn parse_header(bytes: &[u8], magic: [u8; 8], number: u64) -> Result<Seed, Damage> {
    let bytes = bytes.get(..HEADER_LEN).ok_or("the file header is cut short")?;
    let checksum = le_u32(&bytes[HEADER_LEN - 4..]);
    if crc32fast::hash(&bytes[..HEADER_LEN - 4]) != checksum {
        return Err("the checksum of the file header does not match");
    }
    if bytes[..8] != magic {
        return Err("the file's format is not known to this version");
    }
    if bytes[8..16] != number.to_le_bytes() {
        return Err("the file's name does not match its header");
    }
    Ok(Seed(checksum))
}

/// A frame under construction.
pub(crate) struct FrameBuffer {
    bytes: Vec<u8>,
}

impl FrameBuffer {
    /// Larger buffers are given back after use, so that one huge frame does not pin its memory.
    const KEEP: usize = 4 << 20;

    pub fn new() -> Self {
        Self { bytes: vec![0; FRAME_HEADER_LEN] }
    }
    pub fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
    pub fn payload_len(&self) -> usize {
        self.bytes.len() - FRAME_HEADER_LEN
    }
    /// The finished frame as it goes at `offset`.
    pub fn finish(&mut self, seed: Seed, offset: u64) -> &[u8] {
        let length = u32::try_from(self.payload_len()).expect("transactions and groups are bounded far below 4 GiB");
        self.bytes[..4].copy_from_slice(&MARKER);
        self.bytes[4..8].copy_from_slice(&length.to_le_bytes());
        let checksum = checksum(seed, offset, &self.bytes[FRAME_HEADER_LEN..]);
        self.bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
        &self.bytes
    }
    pub fn clear(&mut self) {
        self.bytes.truncate(FRAME_HEADER_LEN);
        self.bytes.shrink_to(Self::KEEP);
    }
}

fn checksum(seed: Seed, offset: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seed.0.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(&(payload.len() as u64).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn le_u32(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn payload_length(header: &[u8]) -> Result<usize, Damage> {
    if header[..4] != MARKER {
        return Err("no record begins here");
    }
    let length = le_u32(&header[4..8]) as usize;
    if length > MAX_PAYLOAD { Err("the record's length is out of bounds") } else { Ok(length) }
}

/// The payload of the frame at `offset` and the offset behind it; `None` at the end of the file.
pub(crate) fn parse(seed: Seed, file: &[u8], offset: usize) -> Result<Option<(&[u8], usize)>, Damage> {
    if offset == file.len() {
        return Ok(None);
    }
    let rest = &file[offset..];
    let header = rest.get(..FRAME_HEADER_LEN).ok_or("the record is cut short")?;
    let length = payload_length(header)?;
    let payload = rest.get(FRAME_HEADER_LEN..FRAME_HEADER_LEN + length).ok_or("the record is cut short")?;
    if checksum(seed, offset as u64, payload) != le_u32(&header[8..12]) {
        return Err("the record's checksum does not match");
    }
    Ok(Some((payload, offset + FRAME_HEADER_LEN + length)))
}

/// Whether an intact frame begins anywhere behind `offset`: then what is damaged at `offset` was once complete.
pub(crate) fn intact_frame_behind(seed: Seed, file: &[u8], offset: usize) -> bool {
    let mut candidates = (offset + 1..file.len()).filter(|at| file[*at..].starts_with(&MARKER));
    candidates.any(|at| parse(seed, file, at).is_ok())
}

/// Reads the frames of a file one by one without holding the file in memory.
pub(crate) struct FrameReader<R> {
    input: R,
    seed: Seed,
    offset: u64,
}

impl<R: Read> FrameReader<R> {
    pub fn new(mut input: R, magic: [u8; 8], number: u64) -> io::Result<Result<Self, Damage>> {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        input.by_ref().take(HEADER_LEN as u64).read_to_end(&mut bytes)?;
        Ok(parse_header(&bytes, magic, number).map(|seed| Self { input, seed, offset: HEADER_LEN as u64 }))
    }

    /// Where the next frame begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn next(&mut self) -> io::Result<Result<Option<Vec<u8>>, Damage>> {
        let mut header = Vec::with_capacity(FRAME_HEADER_LEN);
        self.input.by_ref().take(FRAME_HEADER_LEN as u64).read_to_end(&mut header)?;
        if header.is_empty() {
            return Ok(Ok(None));
        }
        if header.len() < FRAME_HEADER_LEN {
            return Ok(Err("the record is cut short"));
        }
        let length = match payload_length(&header) {
            Ok(length) => length,
            Err(damage) => return Ok(Err(damage)),
        };
        let mut payload = Vec::new();
        self.input.by_ref().take(length as u64).read_to_end(&mut payload)?;
        if payload.len() < length {
            return Ok(Err("the record is cut short"));
        }
        if checksum(self.seed, self.offset, &payload) != le_u32(&header[8..12]) {
            return Ok(Err("the record's checksum does not match"));
        }
        self.offset += (FRAME_HEADER_LEN + length) as u64;
        Ok(Ok(Some(payload)))
    }
}
