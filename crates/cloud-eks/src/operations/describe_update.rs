//! DescribeUpdate, of node groups: nothing else here is updated yet.

use crate::cluster;
use crate::failures;
use crate::nodegroups::describe;
use crate::records::UPDATES;
use crate::service::Cx;
use aws_service::{Outcome, Request, names};
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let (name, id) = (request.required("name"), request.required("updateId"));
    cluster::find(&cx, &request, name).await?;
    let found = cx.client.find(UPDATES, &request.namespace(), &names::escape(id)).await?.map(|update| update.to_doc());
    let own = found.filter(|update| {
        update["spec"]["clusterName"] == name && update["spec"]["nodegroupName"].as_str() == request.text("nodegroupName")
    });
    match own {
        Some(update) => Ok(json!({"update": describe::update(&update)})),
        None => Err(failures::not_found(cx.model, name, format!("No update found for ID: {id}")).into()),
    }
}
