//! Identifiers as AWS shapes them, from a source of randomness that callers are handed.

use std::sync::Arc;

/// Where random bytes come from.
pub trait Random: Send + Sync + 'static {
    fn fill(&self, out: &mut [u8]);
}

pub type SharedRandom = Arc<dyn Random>;

/// The operating system's own. Constructed once, in composition.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) {
        aws_lc_rs::rand::fill(out).expect("the operating system hands out random bytes");
    }
}

const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `length` letters of an alphabet; with a power of two letters none is likelier than another.
fn letters(random: &dyn Random, alphabet: &[u8], length: usize) -> String {
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| alphabet[*byte as usize % alphabet.len()] as char).collect()
}

/// `vpc-0` and sixteen hex digits: EC2's long id.
pub fn ec2_id(random: &dyn Random, prefix: &str) -> String {
    format!("{prefix}-0{}", letters(random, HEX, 16))
}

/// `AIDA`, `AROA`, `ANPA`, `AKIA`, `ASIA` and sixteen base32 letters.
pub fn iam_id(random: &dyn Random, prefix: &str) -> String {
    format!("{prefix}{}", letters(random, BASE32, 16))
}

/// A secret access key: forty letters of base64.
pub fn secret_key(random: &dyn Random) -> String {
    letters(random, BASE64, 40)
}

pub fn hex(random: &dyn Random, length: usize) -> String {
    letters(random, HEX, length)
}

/// Decimal digits; a little uneven, which nothing relies on.
pub fn digits(random: &dyn Random, length: usize) -> String {
    letters(random, b"0123456789", length)
}

/// A version-4 UUID.
pub fn uuid(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

/// A name that two parts of any length claim together: the same parts always give the same forty hex digits.
pub fn digest(parts: &[&str]) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Random for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.iter_mut().for_each(|byte| *byte = self.0.fetch_add(37, std::sync::atomic::Ordering::Relaxed));
        }
    }

    #[test]
    fn identifiers_have_the_shape_aws_gives_them() {
        let random = Counting(0.into());
        for (text, length, prefix) in [
            (ec2_id(&random, "vpc"), 21, "vpc-0"),
            (ec2_id(&random, "subnet"), 24, "subnet-0"),
            (iam_id(&random, "AKIA"), 20, "AKIA"),
            (secret_key(&random), 40, ""),
            (uuid(&random), 36, ""),
        ] {
            assert_eq!(text.len(), length, "{text}");
            assert!(text.starts_with(prefix), "{text}");
        }
        assert_eq!(&uuid(&random)[14..15], "4");
    }

    #[test]
    fn digests_tell_where_a_part_ends() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["ab", "c"]), digest(&["ab", "c"]));
    }
}
