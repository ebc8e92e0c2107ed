//! States, each with the way out of it.

use meta::Doc;

/// `cluster.status` of EKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterStatus {
    /// From the record's creation. Out: ACTIVE when the endpoint answers; FAILED when the control plane cannot start;
    /// DELETING by DeleteCluster.
    Creating,
    /// The endpoint has answered. Out: DELETING. A control plane that stops later is a health issue, not another status.
    Active,
    /// The control plane could not start. Out: DELETING only, as in EKS.
    Failed,
    /// The record is being deleted; it goes when all that belongs to the cluster has gone.
    Deleting,
}

impl ClusterStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Failed => "FAILED",
            Self::Deleting => "DELETING",
        }
    }

    /// Of a Cluster record. A record that nobody has looked at yet is being created.
    pub fn of(record: &Doc) -> Self {
        if !record["metadata"]["deletionTimestamp"].is_null() {
            return Self::Deleting;
        }
        match record["status"]["phase"].as_str() {
            Some("ACTIVE") => Self::Active,
            Some("FAILED") => Self::Failed,
            _ => Self::Creating,
        }
    }
}

/// `status.phase` of a ControlPlane record, written by the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlPlanePhase {
    /// Nothing known yet, or an attempt has failed and the next is due. Out: Ready, Failed.
    Starting,
    /// It serves at `status.endpoint`. Out: Failed, when a later start does not succeed.
    Ready,
    /// Several starts have failed in a row; the agent goes on trying. Out: Ready.
    Failed,
}

impl ControlPlanePhase {
    pub fn of(record: &Doc) -> Self {
        match record["status"]["phase"].as_str() {
            Some("Ready") => Self::Ready,
            Some("Failed") => Self::Failed,
            _ => Self::Starting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deleted_record_is_deleting_whatever_its_phase() {
        for (record, status) in [
            (json!({"metadata": {}}), "CREATING"),
            (json!({"metadata": {}, "status": {"phase": "ACTIVE"}}), "ACTIVE"),
            (json!({"metadata": {}, "status": {"phase": "FAILED"}}), "FAILED"),
            (json!({"metadata": {"deletionTimestamp": "x"}, "status": {"phase": "ACTIVE"}}), "DELETING"),
        ] {
            assert_eq!(ClusterStatus::of(&record).as_str(), status, "{record}");
        }
    }
}
