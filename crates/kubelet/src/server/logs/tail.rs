//! Where the last lines of a file begin.

use std::io::{self, SeekFrom};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt};

const BLOCK: u64 = 64 << 10;

/// The offset behind which the last `lines` lines are; a last line without its newline counts as one.
pub(super) async fn start<F: AsyncRead + AsyncSeek + Unpin>(file: &mut F, lines: u64) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0)).await?;
    let whole = end;
    let mut seen = 0;
    let mut block = Vec::new();
    if lines == 0 {
        return Ok(whole);
    }
    while end > 0 {
        let begin = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(begin)).await?;
        // At most BLOCK.
        block.resize((end - begin) as usize, 0);
        file.read_exact(&mut block).await?;
        for (at, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = begin + at as u64 + 1;
            // The newline at the very end closes the last line rather than opening another.
            if after < whole {
                seen += 1;
                if seen == lines {
                    return Ok(after);
                }
            }
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[tokio::test]
    async fn the_last_lines_are_found_from_the_end() {
        for (text, lines, expected) in [
            ("a\nb\nc\n", 0, ""),
            ("a\nb\nc\n", 1, "c\n"),
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc\n", 3, "a\nb\nc\n"),
            ("a\nb\nc\n", 9, "a\nb\nc\n"),
            ("a\nb\nc", 1, "c"),
            ("", 1, ""),
            ("\n\n", 1, "\n"),
        ] {
            let at = start(&mut Cursor::new(text), lines).await.expect("readable") as usize;
            assert_eq!(&text[at..], expected, "{lines} of {text:?}");
        }
        let long = format!("{}\n", "x".repeat(1000)).repeat(500);
        assert_eq!(start(&mut Cursor::new(&long), 300).await.expect("readable"), 200 * 1001);
    }
}
