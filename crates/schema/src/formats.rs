//! The string formats that structural schemas check (apiextensions pkg/apiserver/validation/formats.go). Unknown
//! formats are not checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) fn matches(format: &str, text: &str) -> bool {
    match format {
        "date-time" => meta::Time::parse(text).is_some(),
        "date" => meta::Time::parse(&format!("{text}T00:00:00Z")).is_some(),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => is_uuid(text, format.as_bytes().get(4).copied()),
        "byte" => {
            text.len().is_multiple_of(4)
                && text.trim_end_matches('=').bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        }
        "mac" => is_mac(text),
        "hostname" => text.len() <= 255 && text.split('.').all(is_host_label),
        "email" => text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !text.contains(' ')),
        "uri" => text.contains(':') || text.starts_with('/'),
        "duration" => is_duration(text),
        _ => true,
    }
}

fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, length)| match (address.parse::<IpAddr>(), length.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(length)) => length <= 32,
        (Ok(IpAddr::V6(_)), Ok(length)) => length <= 128,
        _ => false,
    })
}

/// Groups of hexadecimal digits, dashes optional as in go-openapi/strfmt; a version digit where the format names one.
fn is_uuid(text: &str, version: Option<u8>) -> bool {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
    digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit) && version.is_none_or(|v| digits[12] == v)
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    matches!(parts.len(), 6 | 8 | 20) && parts.iter().all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_host_label(label: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = label.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

fn is_duration(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ' || c == 'µ');
    let unit = text[number.len()..].trim();
    let units = [
        "ns", "us", "µs", "ms", "s", "m", "h", "d", "w", "day", "days", "hour", "hours", "minute", "minutes", "second", "seconds",
    ];
    let simple = number.parse::<f64>().is_ok() && units.contains(&unit);
    simple || crate::leaf::canonical(&crate::types::Shape::Duration, &mut text.into()).is_ok()
}
