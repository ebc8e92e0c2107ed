//! Layers and archives come plain, by gzip or by zstd; the first bytes say which, whatever the media type claims.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Read};

const BUFFER_BYTES: usize = 128 << 10;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// 128 MiB: what the zstd tool takes unasked; larger windows are a way to fill memory.
const ZSTD_WINDOW_LOG: u32 = 27;

pub fn decompressed<'a>(from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut from = BufReader::with_capacity(BUFFER_BYTES, from);
    let start = from.fill_buf()?;
    if start.starts_with(GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(from)));
    }
    if start.starts_with(ZSTD) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(from)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG)?;
        return Ok(Box::new(decoder));
    }
    Ok(Box::new(from))
}
