//! Resource quantities (`100m`, `1.5Gi`, `2e3`), exact to 10^-9, as k8s.io/apimachinery `pkg/api/resource` has them.

use std::cmp::Ordering;
use std::fmt;

/// Error texts are upstream's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// How a quantity was written, and so how it prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Powers of 1024: `Ki`, `Mi`.
    Binary,
    /// `m`, `k`, `M`.
    #[default]
    Decimal,
    /// `e3`.
    Exponent,
}

const NANO: i128 = 1_000_000_000;
/// Upstream caps at the largest int64.
const MAX: i128 = i64::MAX as i128 * NANO;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// From 10^-9 in steps of 1000.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/// A fixed-point number with the format it prints in. Equality and order are of the number only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

impl Quantity {
    pub const ZERO: Self = Self { nano: 0, format: Format::Decimal };

    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let parts = split(text)?;
        let (base, exponent, format) = interpret(parts.suffix).ok_or(QuantityError::Suffix)?;
        let digits = format!("{}{}", parts.whole, parts.fraction);
        // Leading zeros do not count; anything this long is beyond the cap whatever its suffix.
        let fraction_len = i32::try_from(parts.fraction.len()).map_err(|_| QuantityError::Numeric)?;
        let magnitude = match base {
            10 => scale_decimal(digits.trim_start_matches('0'), exponent - fraction_len + 9),
            _ => scale_binary(digits.trim_start_matches('0'), exponent, fraction_len)?,
        };
        let nano = magnitude.min(MAX);
        // Upstream prints a fraction below one in decimal, whatever its suffix was.
        let format = if format == Format::Binary && nano > 0 && nano < NANO { Format::Decimal } else { format };
        Ok(Self { nano: if parts.negative { -nano } else { nano }, format })
    }

    /// Whole units.
    pub fn from_value(value: i64, format: Format) -> Self {
        Self { nano: i128::from(value) * NANO, format }
    }
    pub fn from_milli(milli: i64) -> Self {
        Self { nano: i128::from(milli) * (NANO / 1000), format: Format::Decimal }
    }

    /// Whole units, rounded up.
    pub fn value(self) -> i64 {
        self.rounded(NANO)
    }
    /// Thousandths, rounded up.
    pub fn milli_value(self) -> i64 {
        self.rounded(NANO / 1000)
    }
    fn rounded(self, unit: i128) -> i64 {
        clamp(div_up(self.nano, unit))
    }
    /// Rounds up to thousandths, as the API does with resource lists.
    pub fn round_up_milli(self) -> Self {
        let unit = NANO / 1000;
        Self { nano: div_up(self.nano, unit) * unit, ..self }
    }

    pub fn is_zero(self) -> bool {
        self.nano == 0
    }
    pub fn is_negative(self) -> bool {
        self.nano < 0
    }
    /// Whether it has no fraction.
    pub fn is_whole(self) -> bool {
        self.nano % NANO == 0
    }
    pub fn is_whole_milli(self) -> bool {
        self.nano % (NANO / 1000) == 0
    }
    pub fn format(self) -> Format {
        self.format
    }

    /// The sum; prints in the format of the first that is not zero.
    pub fn plus(self, other: Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { nano: (self.nano + other.nano).clamp(-MAX, MAX), format }
    }
    pub fn minus(self, other: Self) -> Self {
        self.plus(Self { nano: -other.nano, format: other.format })
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}
impl Eq for Quantity {}
impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}
impl std::hash::Hash for Quantity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.nano.hash(state);
    }
}
impl std::str::FromStr for Quantity {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The canonical form: no fraction, the largest suffix that loses nothing.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        match self.format {
            Format::Binary if self.nano.abs() >= 1024 * NANO => {
                let (mut number, mut power) = (div_up(self.nano, NANO), 0);
                while number % 1024 == 0 && power + 1 < BINARY.len() {
                    (number, power) = (number / 1024, power + 1);
                }
                write!(f, "{number}{}", BINARY[power])
            }
            format => {
                let (mut number, mut step) = (self.nano, 0);
                while number % 1000 == 0 && step + 1 < DECIMAL.len() {
                    (number, step) = (number / 1000, step + 1);
                }
                match (format, step as i32 * 3 - 9) {
                    (Format::Exponent, 0) => write!(f, "{number}"),
                    (Format::Exponent, exponent) => write!(f, "{number}e{exponent}"),
                    _ => write!(f, "{number}{}", DECIMAL[step]),
                }
            }
        }
    }
}

/// Division that rounds away from zero, as upstream rounds.
fn div_up(number: i128, unit: i128) -> i128 {
    let quotient = number / unit;
    quotient + if number % unit == 0 { 0 } else { number.signum() }
}

fn clamp(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

/// Sign, digits, fraction and a suffix of the allowed letters with an optional signed exponent.
fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = |t: &str| t.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = rest.split_at(digits(rest));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(QuantityError::Format);
    }
    let tail = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let tail = tail.strip_prefix(['+', '-']).unwrap_or(tail);
    if digits(tail) != tail.len() {
        return Err(QuantityError::Format);
    }
    Ok(Parts { negative, whole, fraction, suffix })
}

/// Base, exponent and format of a suffix.
fn interpret(suffix: &str) -> Option<(u32, i32, Format)> {
    if let Some(step) = DECIMAL.iter().position(|s| *s == suffix) {
        return Some((10, step as i32 * 3 - 9, Format::Decimal));
    }
    if let Some(power) = BINARY.iter().position(|s| *s == suffix) {
        return Some((2, power as i32 * 10, Format::Binary));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    exponent.parse().ok().filter(|e: &i32| e.abs() < 1_000_000).map(|e| (10, e, Format::Exponent))
}

/// `digits * 10^exponent`, rounded up to a whole number and capped.
fn scale_decimal(digits: &str, exponent: i32) -> i128 {
    if digits.is_empty() {
        return 0;
    }
    let kept = digits.len() as i64 + i64::from(exponent);
    if kept > 38 {
        return MAX;
    }
    if exponent >= 0 {
        return digits.parse::<i128>().ok().and_then(|n| n.checked_mul(10i128.checked_pow(exponent as u32)?)).unwrap_or(MAX);
    }
    let cut = usize::try_from(kept).unwrap_or(0);
    let whole = if cut == 0 { 0 } else { digits[..cut].parse::<i128>().unwrap_or(MAX) };
    let rest = digits[cut..].bytes().any(|b| b != b'0');
    whole + i128::from(rest)
}

/// `digits / 10^fraction * 2^exponent` in nanos, rounded up and capped.
fn scale_binary(digits: &str, exponent: i32, fraction: i32) -> Result<i128, QuantityError> {
    // 2^exponent is a whole number, so multiply digit by digit with a cap far above MAX's digits.
    let mut whole: i128 = 0;
    for digit in digits.bytes() {
        whole = whole.checked_mul(10).and_then(|n| n.checked_add(i128::from(digit - b'0'))).ok_or(QuantityError::Numeric)?;
    }
    let Some(scaled) = whole.checked_mul(1i128 << exponent) else {
        return if fraction == 0 { Ok(MAX) } else { Err(QuantityError::Numeric) };
    };
    Ok(scale_decimal(&scaled.to_string(), 9 - fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_print_canonically() {
        for (text, canonical) in [
            ("0", "0"),
            ("0Ki", "0"),
            ("1", "1"),
            ("+5", "5"),
            ("1000", "1k"),
            ("1500m", "1500m"),
            ("1.5", "1500m"),
            (".5", "500m"),
            ("5.", "5"),
            ("0.1", "100m"),
            ("1000m", "1"),
            ("0.0000000001", "1n"),
            ("1Ki", "1Ki"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("100Ki", "100Ki"),
            ("1000Ki", "1000Ki"),
            ("1023Ki", "1023Ki"),
            ("2e3", "2e3"),
            ("2E3", "2e3"),
            ("12e-1", "1200e-3"),
            ("1E", "1E"),
            ("100E", "9223372036854775807"),
            ("-1.5", "-1500m"),
            ("1234567890", "1234567890"),
            ("128974848", "128974848"),
            ("129M", "129M"),
            ("123Mi", "123Mi"),
            ("0.0001Ki", "102400u"),
        ] {
            assert_eq!(Quantity::parse(text).map(|q| q.to_string()), Ok(canonical.to_owned()), "{text}");
        }
    }

    #[test]
    fn wrong_texts_are_named_as_upstream_names_them() {
        for (text, error) in [
            ("", QuantityError::Format),
            ("abc", QuantityError::Format),
            ("1..2", QuantityError::Format),
            ("1 Gi", QuantityError::Format),
            ("10GiB", QuantityError::Format),
            ("1Kim", QuantityError::Suffix),
            ("1mm", QuantityError::Suffix),
            ("1K", QuantityError::Suffix),
            ("1e", QuantityError::Suffix),
        ] {
            assert_eq!(Quantity::parse(text).map(|q| q.to_string()), Err(error), "{text}");
        }
    }

    #[test]
    fn arithmetic_is_exact() {
        let q = |t: &str| Quantity::parse(t).expect("a valid quantity");
        assert_eq!(q("1"), q("1000m"));
        assert!(q("1Gi") > q("1G"));
        assert_eq!(q("1Gi").plus(q("1Mi")).to_string(), "1025Mi");
        assert_eq!(q("0").plus(q("1Mi")).to_string(), "1Mi");
        assert_eq!(q("2").minus(q("500m")).to_string(), "1500m");
        assert_eq!(q("100m").value(), 1);
        assert_eq!(q("1.5").milli_value(), 1500);
        assert_eq!(q("1500u").milli_value(), 2);
        assert_eq!(q("1500u").round_up_milli().to_string(), "2m");
        assert_eq!(q("1Gi").value(), 1 << 30);
        assert!(!q("100m").is_whole() && q("3").is_whole());
        assert_eq!(Quantity::from_milli(250).to_string(), "250m");
        assert_eq!(Quantity::from_value(2048, Format::Binary).to_string(), "2Ki");
    }
}
