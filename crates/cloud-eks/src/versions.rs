//! The Kubernetes minors that clusters can have, with EKS's dates for them where they are known.

/// One minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub minor: &'static str,
    /// The patch release whose behaviour it shows.
    pub patch: &'static str,
    pub platform: &'static str,
    /// Days as RFC 3339 dates: release on EKS, end of standard and of extended support.
    pub released: Option<&'static str>,
    pub end_of_standard: Option<&'static str>,
    pub end_of_extended: Option<&'static str>,
}

pub const DEFAULT_VERSION: &str = "1.36";

/// Newest first, as DescribeClusterVersions lists them.
pub const VERSIONS: [Version; 4] = [
    Version { minor: "1.37", patch: "1.37.0", platform: "eks.1", released: None, end_of_standard: None, end_of_extended: None },
    Version {
        minor: "1.36",
        patch: "1.36.2",
        platform: "eks.1",
        released: Some("2026-06-02"),
        end_of_standard: Some("2027-08-02"),
        end_of_extended: Some("2028-08-02"),
    },
    Version {
        minor: "1.35",
        patch: "1.35.0",
        platform: "eks.1",
        released: Some("2026-01-27"),
        end_of_standard: Some("2027-03-27"),
        end_of_extended: Some("2028-03-27"),
    },
    Version {
        minor: "1.34",
        patch: "1.34.1",
        platform: "eks.1",
        released: Some("2025-10-02"),
        end_of_standard: Some("2026-12-02"),
        end_of_extended: Some("2027-12-02"),
    },
];

impl Version {
    pub fn find(minor: &str) -> Option<&'static Self> {
        VERSIONS.iter().find(|version| version.minor == minor)
    }
}
