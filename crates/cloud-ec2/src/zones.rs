//! Regions and their availability zones.

/// What this installation offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    pub name: String,
    /// `us-east-1a`, ...
    pub zones: Vec<String>,
}

const DEFAULT_ZONE_LETTERS: [char; 3] = ['a', 'b', 'c'];

impl Region {
    /// A region that has not been configured has zones a, b and c.
    pub fn unconfigured(name: &str) -> Self {
        Self { name: name.to_owned(), zones: DEFAULT_ZONE_LETTERS.iter().map(|letter| format!("{name}{letter}")).collect() }
    }

    /// The zones with their ids.
    pub fn zones(&self) -> impl Iterator<Item = (&str, String)> {
        self.zones.iter().enumerate().map(|(index, zone)| (zone.as_str(), zone_id(&self.name, index)))
    }
}

/// `us-east-1` and 0 -> `use1-az1`.
pub fn zone_id(region: &str, index: usize) -> String {
    format!("{}-az{}", short_name(region), index + 1)
}

/// `ap-northeast-1` -> `apne1`, `us-gov-west-1` -> `usgw1`.
fn short_name(region: &str) -> String {
    region.split('-').map(shorten).collect()
}

fn shorten(word: &str) -> &str {
    match word {
        "north" => "n",
        "south" => "s",
        "east" => "e",
        "west" => "w",
        "central" => "c",
        "northeast" => "ne",
        "northwest" => "nw",
        "southeast" => "se",
        "southwest" => "sw",
        "gov" => "g",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_follow_the_region() {
        for (region, index, id) in [
            ("us-east-1", 0, "use1-az1"),
            ("eu-west-1", 2, "euw1-az3"),
            ("ap-northeast-1", 1, "apne1-az2"),
            ("us-gov-west-1", 0, "usgw1-az1"),
            ("eu-central-2", 0, "euc2-az1"),
        ] {
            assert_eq!(zone_id(region, index), id);
        }
    }
}
