//! `status.conditions` as documents.

use meta::Doc;

pub(crate) fn condition<'a>(conditions: &'a [Doc], r#type: &str) -> Option<&'a Doc> {
    conditions.iter().find(|condition| condition["type"] == r#type)
}

pub(crate) fn remove_condition(conditions: &mut Vec<Doc>, r#type: &str) {
    conditions.retain(|condition| condition["type"] != r#type);
}

/// Puts the condition last in place of the one of its type. One with the same status and reason stays as it is, and one
/// with the same status keeps its `lastTransitionTime` (`SetDeploymentCondition` of kubernetes
/// `pkg/controller/deployment/util/deployment_util.go`, and its likes).
pub(crate) fn set_condition(conditions: &mut Vec<Doc>, mut new: Doc) {
    let r#type = new["type"].as_str().unwrap_or_default().to_owned();
    if let Some(old) = condition(conditions, &r#type) {
        let same = |field: &str| old[field] == new[field];
        if same("status") && same("reason") {
            return;
        }
        if same("status") {
            new["lastTransitionTime"] = old["lastTransitionTime"].clone();
        }
    }
    remove_condition(conditions, &r#type);
    conditions.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_change_when_status_or_reason_does() {
        let of = |status: &str, reason: &str, at: &str| json!({"type": "A", "status": status, "reason": reason, "lastTransitionTime": at});
        let other = json!({"type": "B", "status": "True"});
        for (new, left) in [
            (of("True", "x", "2"), of("True", "x", "1")),
            (of("True", "y", "2"), of("True", "y", "1")),
            (of("False", "x", "2"), of("False", "x", "2")),
        ] {
            let mut conditions = vec![of("True", "x", "1"), other.clone()];
            set_condition(&mut conditions, new);
            assert_eq!((condition(&conditions, "A"), conditions.len()), (Some(&left), 2));
            remove_condition(&mut conditions, "A");
            assert_eq!(conditions, std::slice::from_ref(&other));
        }
    }
}
