//! Records in IAM's own shape.

use aws_service::records::{created_at, tag_list};
use meta::Doc;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

/// IAM percent-encodes policy documents in answers, as RFC 3986 has it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub fn user(record: &Doc) -> Doc {
    let spec = &record["spec"];
    json!({
        "Path": spec["path"], "UserName": spec["userName"], "UserId": spec["userId"], "Arn": spec["arn"],
        "CreateDate": created_at(record), "Tags": tag_list(&spec["tags"]),
    })
}

/// As ListRoles shows a role.
pub fn role(record: &Doc) -> Doc {
    let spec = &record["spec"];
    let trust = spec["assumeRolePolicyDocument"].as_str().unwrap_or_default();
    let mut role = json!({
        "Path": spec["path"], "RoleName": spec["roleName"], "RoleId": spec["roleId"], "Arn": spec["arn"],
        "CreateDate": created_at(record), "AssumeRolePolicyDocument": utf8_percent_encode(trust, RESERVED).to_string(),
        "MaxSessionDuration": spec["maxSessionDuration"],
    });
    if spec["description"].as_str().is_some_and(|text| !text.is_empty()) {
        role["Description"] = spec["description"].clone();
    }
    role
}

/// As GetRole shows it.
pub fn role_in_full(record: &Doc) -> Doc {
    let mut role = role(record);
    role["Tags"] = tag_list(&record["spec"]["tags"]);
    role["RoleLastUsed"] = json!({});
    role
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_travel_percent_encoded() {
        let record = json!({
            "metadata": {"creationTimestamp": "2026-11-20T10:00:00Z"},
            "spec": {"path": "/", "roleName": "r", "assumeRolePolicyDocument": "{\"a\": \"b-c\"}", "tags": {"team": "x"}},
        });
        let role = role_in_full(&record);
        assert_eq!(role["AssumeRolePolicyDocument"], "%7B%22a%22%3A%20%22b-c%22%7D");
        assert_eq!(role["Tags"], json!([{"Key": "team", "Value": "x"}]));
        assert_eq!(role["CreateDate"], 1_795_168_800.0);
        assert_eq!(role.get("Description"), None);
    }
}
