//! `State.Code` of a load balancer, each with the way out of it.

use meta::Doc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// From the record's creation. Out: active when its host says that it is realised and every zone has its address; failed
    /// when a subnet has no address left.
    Provisioning,
    /// Traffic is let through. Out: deletion only.
    Active,
    /// It could not be set up. Out: active when what was missing comes, or deletion.
    Failed,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Failed => "failed",
        }
    }

    /// Of a LoadBalancer record. One that nobody has looked at yet is being provisioned.
    pub fn of(record: &Doc) -> Self {
        match record["status"]["phase"].as_str() {
            Some("active") => Self::Active,
            Some("failed") => Self::Failed,
            _ => Self::Provisioning,
        }
    }
}
