//! Time zones by name, as the machine's own zone files have them.

use jiff::tz::TimeZone;
use std::path::Path;

/// Where systems keep compiled zones (RFC 8536).
const ZONES: &str = "/usr/share/zoneinfo";

/// What Go's `time.LoadLocation` finds, with its words for what it does not.
pub(super) fn find(name: &str) -> Result<TimeZone, String> {
    if name.is_empty() || name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let unknown = || format!("unknown time zone {name}");
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
    if !name.split('/').all(plain) {
        return Err(unknown());
    }
    let rules = std::fs::read(Path::new(ZONES).join(name)).map_err(|_| unknown())?;
    TimeZone::tzif(name, &rules).map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_lead_elsewhere() {
        for name in ["../../../etc/passwd", "/etc/passwd", "Nowhere/Atall", "a//b", ".", "Europe/"] {
            assert_eq!(find(name), Err(format!("unknown time zone {name}")));
        }
        for name in ["", "UTC"] {
            assert_eq!(find(name), Ok(TimeZone::UTC));
        }
    }
}
