//! One file per operation: request -> validate -> change a record -> reply; no waiting.

pub mod associate_access_policy;
pub mod create_access_entry;
pub mod create_cluster;
pub mod create_nodegroup;
pub mod delete_access_entry;
pub mod delete_cluster;
pub mod delete_nodegroup;
pub mod describe_access_entry;
pub mod describe_cluster;
pub mod describe_cluster_versions;
pub mod describe_nodegroup;
pub mod describe_update;
pub mod disassociate_access_policy;
pub mod list_access_entries;
pub mod list_access_policies;
pub mod list_associated_access_policies;
pub mod list_clusters;
pub mod list_nodegroups;
pub mod list_tags_for_resource;
pub mod list_updates;
pub mod tag_resource;
pub mod untag_resource;
pub mod update_access_entry;
pub mod update_nodegroup_config;

use crate::failures;
use crate::service::Cx;
use aws_service::Request;
use aws_service::paging::{Page, PageRequest, page};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;

const DEFAULT_RESULTS: u64 = 100;

/// One page of a list by `nextToken` and `maxResults`, as all of EKS's lists are paged. `listing` names the list.
fn paged<T>(cx: &Cx, request: &Request, listing: &str, items: Vec<T>, key: impl Fn(&T) -> String) -> Result<Page<T>, AwsError> {
    let limit = request.input["maxResults"].as_u64().unwrap_or(DEFAULT_RESULTS) as usize;
    let asked = PageRequest { listing, token: request.text("nextToken"), limit };
    page(items, &asked, key).map_err(|_| failures::invalid_parameter(cx.model, "", "The nextToken is invalid."))
}

/// The answer of a list; `nextToken` is null at the end.
fn listed(member: &str, items: impl Into<Doc>, next_token: Option<String>) -> Doc {
    json!({member: items.into(), "nextToken": next_token})
}
