//! What things are called on the host: every name carries the id of the service's instance.

/// Of everything that this instance of the service makes.
pub fn prefix(instance: &str) -> String {
    format!("ph-{instance}-")
}

/// The namespace of a VPC's router or of an EC2 instance.
pub fn of(instance: &str, id: &str) -> String {
    format!("{}{id}", prefix(instance))
}

/// The namespace of a control plane.
pub fn control_plane(instance: &str, uid: &str) -> String {
    // FNV-1a.
    let hash = uid.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{}cp-{hash:08x}", prefix(instance))
}

/// The router's end of an interface: a name of a link has 15 characters at most.
pub fn router_link(interface: &str) -> String {
    let tail = interface.len().saturating_sub(10);
    format!("v{}", interface.get(tail..).unwrap_or(interface))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_they_are() {
        assert_eq!(of("0123abcd", "vpc-1"), "ph-0123abcd-vpc-1");
        assert_eq!(router_link("eni-0a1b2c3d4e5f60718"), "vd4e5f60718");
        assert_ne!(control_plane("0123abcd", "a"), control_plane("0123abcd", "b"));
    }
}
