//! Instance profiles in IAM's own shape, with the roles that are in them.

use crate::describe;
use crate::records::{INSTANCE_PROFILES, ROLES};
use crate::service::Cx;
use aws_service::paging::{PageRequest, page};
use aws_service::records::{created_at, tag_list};
use aws_service::{Failure, Outcome, Request, names};
use aws_wire::AwsError;
use client::Options;
use meta::Doc;
use serde_json::json;

const DEFAULT_ITEMS: u64 = 100;

pub async fn described(cx: &Cx, request: &Request, record: &Doc) -> Result<Doc, Failure> {
    let mut roles = Vec::new();
    for name in record["spec"]["roles"].as_array().into_iter().flatten().filter_map(Doc::as_str).filter(|name| !name.is_empty()) {
        let found = cx.client.find(ROLES, request.account(), &names::escape(name)).await?;
        roles.extend(found.map(|role| describe::role(&role.to_doc())));
    }
    Ok(profile(record, roles))
}

fn profile(record: &Doc, roles: Vec<Doc>) -> Doc {
    let spec = &record["spec"];
    json!({
        "Path": spec["path"], "InstanceProfileName": spec["instanceProfileName"],
        "InstanceProfileId": spec["instanceProfileId"], "Arn": spec["arn"], "CreateDate": created_at(record), "Roles": roles,
        "Tags": tag_list(&spec["tags"]),
    })
}

/// One page of those whose specification is `wanted`.
pub async fn page_of(cx: &Cx, request: &Request, listing: &str, wanted: impl Fn(&Doc) -> bool) -> Outcome {
    let listed = cx.client.list(INSTANCE_PROFILES, request.account(), Options::default()).await?;
    let records: Vec<Doc> = listed.items.iter().map(|record| record.to_doc()).filter(|doc| wanted(&doc["spec"])).collect();
    let limit = request.input["MaxItems"].as_u64().unwrap_or(DEFAULT_ITEMS) as usize;
    let asked = PageRequest { listing, token: request.text("Marker"), limit };
    let page = page(records, &asked, |doc| doc["spec"]["instanceProfileName"].as_str().unwrap_or_default().to_owned())
        .map_err(|_| AwsError::new("ValidationError", "Invalid Marker."))?;
    let mut shown = Vec::new();
    for record in &page.items {
        shown.push(described(cx, request, record).await?);
    }
    let mut output = json!({"InstanceProfiles": shown, "IsTruncated": page.next_token.is_some()});
    if let Some(marker) = page.next_token {
        output["Marker"] = marker.into();
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_wire::{Model, check_output};

    #[test]
    fn shapes_are_ones_the_model_knows() {
        let model = Model::load("iam").expect("a built-in model");
        let record = json!({
            "metadata": {"creationTimestamp": "2026-11-20T10:00:00Z"},
            "spec": {"instanceProfileName": "eks-u", "path": "/", "instanceProfileId": "AIPA", "arn": "a", "tags": {"a": "b"}},
        });
        let shown = json!({"InstanceProfile": profile(&record, vec![])});
        let operation = model.operation("GetInstanceProfile").expect("modelled");
        assert_eq!(check_output(model, operation, &shown), Ok(()));
    }
}
