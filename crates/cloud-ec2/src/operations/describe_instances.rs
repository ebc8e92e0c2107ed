//! DescribeInstances.

use crate::describe::{check_combination, filtered, refuse_dry_run, select};
use crate::instances::describe::{KIND, reservations};
use crate::lookup::described_instances;
use crate::service::Cx;
use aws_service::{Outcome, Request};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let ids = request.texts(KIND.ids);
    check_combination(&request, &KIND, &ids)?;
    let selected = select(described_instances(&cx, &request).await?, &ids, &KIND)?;
    let page = filtered(&request, &KIND, selected)?;
    let mut output = json!({"Reservations": reservations(&page.items)});
    if let Some(token) = page.next_token {
        output["NextToken"] = token.into();
    }
    Ok(output)
}
