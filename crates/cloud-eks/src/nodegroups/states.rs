//! `nodegroup.status` of EKS.

use meta::Doc;

/// Each with the way out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodegroupStatus {
    /// From the record's creation. Out: Active when as many nodes as wanted are Ready; CreateFailed; Deleting.
    Creating,
    /// Out: Updating by UpdateNodegroupConfig; Degraded when instances cannot be launched; Deleting.
    Active,
    /// Until the nodes are as wanted. Out: Active, Degraded, Deleting.
    Updating,
    /// Something keeps it from what is wanted. Out: Active, Updating, Deleting.
    Degraded,
    /// Out: Deleting only, as on EKS.
    CreateFailed,
    /// The record goes when the last instance is terminated.
    Deleting,
}

impl NodegroupStatus {
    const ALL: [(Self, &str); 6] = [
        (Self::Creating, "CREATING"),
        (Self::Active, "ACTIVE"),
        (Self::Updating, "UPDATING"),
        (Self::Degraded, "DEGRADED"),
        (Self::CreateFailed, "CREATE_FAILED"),
        (Self::Deleting, "DELETING"),
    ];

    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("CREATING", |(_, name)| name)
    }

    /// Of a Nodegroup record. One that nobody has looked at yet is being created.
    pub fn of(record: &Doc) -> Self {
        if !record["metadata"]["deletionTimestamp"].is_null() {
            return Self::Deleting;
        }
        let phase = record["status"]["phase"].as_str();
        Self::ALL.iter().find(|(_, name)| Some(*name) == phase).map_or(Self::Creating, |(status, _)| *status)
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
            (json!({"metadata": {}, "status": {"phase": "DEGRADED"}}), "DEGRADED"),
            (json!({"metadata": {"deletionTimestamp": "x"}, "status": {"phase": "ACTIVE"}}), "DELETING"),
        ] {
            assert_eq!(NodegroupStatus::of(&record).as_str(), status, "{record}");
        }
    }
}
