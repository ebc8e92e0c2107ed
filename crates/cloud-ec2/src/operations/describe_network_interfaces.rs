//! DescribeNetworkInterfaces.

use crate::describe::{check_combination, filtered, refuse_dry_run, select};
use crate::interfaces::describe::{KIND, interface, shown};
use crate::lookup::{all, group_names};
use crate::records::NETWORK_INTERFACES;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let ids = request.texts(KIND.ids);
    check_combination(&request, &KIND, &ids)?;
    let names = group_names(&cx, &request).await?;
    let records = all(&cx, &request, NETWORK_INTERFACES).await?;
    let described = records.iter().map(|record| interface(record, &names)).collect();
    let page = filtered(&request, &KIND, select(described, &ids, &KIND)?)?;
    let mut output = json!({"NetworkInterfaces": page.items.iter().map(shown).collect::<Vec<_>>()});
    if let Some(token) = page.next_token {
        output["NextToken"] = token.into();
    }
    Ok(output)
}
