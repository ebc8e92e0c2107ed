//! AWS names as `metadata.name` and back.
//!
//! Lower-case letters, digits and single dashes stay; any other byte becomes `--` and two hex digits, so `My_app` reads
//! `0---4dy--5fapp`. A name that would begin with an escape gets the mark `0-` in front, and one that would outgrow
//! Kubernetes' 253 bytes is written whole in base32 behind `0----`.

const MAX_BYTES: usize = 253;
const LEADING_MARK: &str = "0-";
const WHOLE_MARK: &str = "0----";
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A valid DNS subdomain that only `name` escapes to. `name` must not be empty.
pub fn escape(name: &str) -> String {
    let readable = readable(name.as_bytes());
    if readable.len() <= MAX_BYTES { readable } else { format!("{WHOLE_MARK}{}", base32(name.as_bytes())) }
}

/// The name that [`escape`] was given; `None` for text it never makes.
pub fn unescape(text: &str) -> Option<String> {
    let bytes = match text.strip_prefix(WHOLE_MARK) {
        Some(whole) => from_base32(whole)?,
        None => from_readable(text)?,
    };
    let name = String::from_utf8(bytes).ok()?;
    (escape(&name) == text).then_some(name)
}

fn readable(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for (at, byte) in name.iter().enumerate() {
        let plain = match byte {
            b'a'..=b'z' | b'0'..=b'9' => true,
            // A dash may stand only between two bytes that are themselves plain letters or digits.
            b'-' => at > 0 && is_alnum(name[at - 1]) && name.get(at + 1).is_some_and(|next| is_alnum(*next)),
            _ => false,
        };
        if plain {
            out.push(*byte as char);
        } else {
            if out.is_empty() {
                out.push_str(LEADING_MARK);
            }
            out.push_str(&format!("--{byte:02x}"));
        }
    }
    out
}

fn is_alnum(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn from_readable(text: &str) -> Option<Vec<u8>> {
    let mut rest = if text.starts_with("0---") { &text.as_bytes()[LEADING_MARK.len()..] } else { text.as_bytes() };
    let mut out = Vec::with_capacity(rest.len());
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'-', [b'-', high, low, after @ ..]) => {
                out.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    Some(out)
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        held = (held & 0xff) << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(BASE32[(held >> bits & 31) as usize] as char);
        }
    }
    if bits > 0 {
        out.push(BASE32[(held << (5 - bits) & 31) as usize] as char);
    }
    out
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    let (mut held, mut bits) = (0u32, 0);
    for letter in text.bytes() {
        let value = BASE32.iter().position(|known| *known == letter)?;
        held = (held & 0xff) << 5 | value as u32;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_escape_to_valid_subdomains_and_back() {
        let long_upper = "ABCDEFGHIJ".repeat(10);
        for (name, escaped) in [
            ("demo", "demo"),
            ("my-cluster-2", "my-cluster-2"),
            ("My_Cluster", "0---4dy--5f--43luster"),
            ("a--b", "a--2d--2db"),
            ("a-", "a--2d"),
            ("-a", "0---2da"),
            ("a-B", "a--2d--42"),
            ("0---4d", "0--2d--2d--2d4d"),
            ("alice@example.com", "alice--40example--2ecom"),
            ("z\u{e9}", "z--c3--a9"),
            (&long_upper, ""),
        ] {
            let text = escape(name);
            if !escaped.is_empty() {
                assert_eq!(text, escaped, "{name}");
            }
            assert!(meta::names::dns_subdomain(&text).is_empty(), "{text}");
            assert_eq!(unescape(&text).as_deref(), Some(name), "{text}");
        }
        assert!(escape(&long_upper).starts_with(WHOLE_MARK));
    }

    #[test]
    fn different_names_never_meet() {
        let alphabet = ["a", "0", "-", "4", "d", "A", "_", "M"];
        let mut seen = std::collections::BTreeMap::new();
        for code in 0..alphabet.len().pow(4) {
            let name: String = (0..4).map(|digit| alphabet[code / alphabet.len().pow(digit) % alphabet.len()]).collect();
            if let Some(other) = seen.insert(escape(&name), name.clone()) {
                panic!("{name} and {other} share {}", escape(&name));
            }
        }
    }

    #[test]
    fn text_that_no_name_escapes_to_is_refused() {
        for text in ["A", "a--zz", "0---61", "0----ab1", "a--2"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }
}
