//! The Kubernetes versions a cluster may have.

/// What a cluster gets unless it asks for another.
pub const DEFAULT_MINOR: u32 = 36;

/// What `kubectl version` shows as the server's version. The suffix has the form of EKS's own builds.
pub fn git_version(minor: u32) -> String {
    let patch = match minor {
        34 => 4,
        35 => 3,
        36 => 2,
        _ => 0,
    };
    format!("v1.{minor}.{patch}-eks-pilothouse")
}
