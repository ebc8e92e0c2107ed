//! DescribeClusterVersions.

use super::{listed, paged};
use crate::describe;
use crate::service::Cx;
use crate::versions::{DEFAULT_VERSION, VERSIONS, Version};
use aws_service::{Outcome, Request};
use meta::Doc;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let asked: Vec<&Version> = VERSIONS.iter().filter(|version| is_asked(version, &request.input)).collect();
    let newest_first = |version: &&Version| position(version);
    let page = paged(&cx, &request, "DescribeClusterVersions", asked, newest_first)?;
    let versions: Vec<Doc> = page.items.into_iter().map(describe::version).collect();
    Ok(listed("clusterVersions", versions, page.next_token))
}

fn position(version: &Version) -> String {
    format!("{:03}", VERSIONS.iter().position(|known| known == version).unwrap_or(VERSIONS.len()))
}

fn is_asked(version: &Version, input: &Doc) -> bool {
    let named: Vec<&str> = input["clusterVersions"].as_array().into_iter().flatten().filter_map(Doc::as_str).collect();
    let kind = input["clusterType"].as_str().is_none_or(|kind| kind == "eks");
    let default = input["defaultOnly"] != true || version.minor == DEFAULT_VERSION;
    let status = input["versionStatus"].as_str().is_none_or(|status| status == "STANDARD_SUPPORT");
    let old_status = input["status"].as_str().is_none_or(|status| status == "standard-support");
    kind && default && status && old_status && (named.is_empty() || named.contains(&version.minor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_can_be_narrowed() {
        for (input, expected) in [
            (json!({}), "1.37 1.36 1.35 1.34"),
            (json!({"defaultOnly": true}), "1.36"),
            (json!({"clusterVersions": ["1.34", "1.12"]}), "1.34"),
            (json!({"versionStatus": "EXTENDED_SUPPORT"}), ""),
            (json!({"clusterType": "eks-local"}), ""),
        ] {
            let shown: Vec<&str> =
                VERSIONS.iter().filter(|version| is_asked(version, &input)).map(|version| version.minor).collect();
            assert_eq!(shown.join(" "), expected, "{input}");
        }
    }
}
