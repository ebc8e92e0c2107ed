//! Header blocks: pairs, compressed with zlib over one history per direction.

use super::dictionary::dictionary;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use std::io;

/// What a block may inflate to. A small one can claim to be huge.
const MAX_BLOCK_BYTES: usize = 64 << 10;

/// Names are lower case.
pub type Headers = Vec<(String, String)>;

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "SPDY: a malformed header block")
}

pub(super) struct HeaderReader(Decompress);

impl Default for HeaderReader {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl HeaderReader {
    pub fn read(&mut self, block: &[u8]) -> io::Result<Headers> {
        let mut plain = Vec::with_capacity(4 << 10);
        let start = self.0.total_in();
        loop {
            let done = (self.0.total_in() - start) as usize;
            let before = plain.len();
            match self.0.decompress_vec(block.get(done..).unwrap_or_default(), &mut plain, FlushDecompress::Sync) {
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0.set_dictionary(&dictionary()).map_err(|_| malformed())?;
                    continue;
                }
                Err(_) => return Err(malformed()),
                Ok(_) => {}
            }
            let consumed = (self.0.total_in() - start) as usize;
            if plain.len() < plain.capacity() && (consumed >= block.len() || (consumed == done && plain.len() == before)) {
                return parse(&plain).ok_or_else(malformed);
            }
            if plain.len() > MAX_BLOCK_BYTES {
                return Err(malformed());
            }
            plain.reserve(4 << 10);
        }
    }
}

fn parse(mut plain: &[u8]) -> Option<Headers> {
    let count = number(&mut plain)?;
    (0..count).map(|_| Some((text(&mut plain)?, text(&mut plain)?))).collect()
}

fn number(plain: &mut &[u8]) -> Option<u32> {
    let (bytes, rest) = plain.split_first_chunk::<4>()?;
    *plain = rest;
    Some(u32::from_be_bytes(*bytes))
}

fn text(plain: &mut &[u8]) -> Option<String> {
    let length = number(plain)? as usize;
    let (bytes, rest) = plain.split_at_checked(length)?;
    *plain = rest;
    String::from_utf8(bytes.to_vec()).ok()
}

pub(super) struct HeaderWriter {
    compress: Compress,
    /// The dictionary is set with the first block.
    fresh: bool,
}

impl Default for HeaderWriter {
    fn default() -> Self {
        Self { compress: Compress::new(Compression::fast(), true), fresh: true }
    }
}

impl HeaderWriter {
    pub fn write(&mut self, headers: &Headers) -> io::Result<Vec<u8>> {
        if std::mem::take(&mut self.fresh) {
            self.compress.set_dictionary(&dictionary()).map_err(io::Error::other)?;
        }
        let mut plain = (headers.len() as u32).to_be_bytes().to_vec();
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            plain.extend((text.len() as u32).to_be_bytes());
            plain.extend(text.as_bytes());
        }
        let start = self.compress.total_in();
        let mut block = Vec::new();
        loop {
            block.reserve(256);
            let done = (self.compress.total_in() - start) as usize;
            let rest = plain.get(done..).unwrap_or_default();
            self.compress.compress_vec(rest, &mut block, FlushCompress::Sync).map_err(io::Error::other)?;
            if block.len() < block.capacity() {
                return Ok(block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_share_a_history() {
        let (mut writer, mut reader) = (HeaderWriter::default(), HeaderReader::default());
        let long = "x".repeat(20_000);
        for pairs in
            [vec![], vec![("streamtype", "error"), ("port", "80")], vec![("a", long.as_str())], vec![("streamtype", "data")]]
        {
            let headers: Headers = pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
            let block = writer.write(&headers).expect("compressed");
            assert_eq!(reader.read(&block).expect("inflated"), headers);
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let headers = vec![("a".to_owned(), "x".repeat(1 << 20))];
        let block = HeaderWriter::default().write(&headers).expect("compressed");
        assert!(block.len() < MAX_BLOCK_BYTES);
        assert!(HeaderReader::default().read(&block).is_err());
    }
}
