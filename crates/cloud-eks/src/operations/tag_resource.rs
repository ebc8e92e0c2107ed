//! TagResource.

use crate::service::Cx;
use crate::tags;
use crate::validate::tags::check;
use aws_service::records::amend;
use aws_service::{Failure, Outcome, Request};
use aws_wire::AwsError;
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    let tagged = tags::find(&cx, &request).await?;
    amend::<Failure>(&cx.client, tagged.resource, &request.namespace(), tagged.name(), |record| {
        let refuse = |why: String| Failure::from(AwsError::modelled(cx.model, "BadRequestException", why));
        let tags = merged(&record["spec"]["tags"], &request.input["tags"]);
        check(&tags).map_err(refuse)?;
        Ok(Some(json!({"spec": {"tags": tags}})))
    })
    .await?;
    Ok(json!({}))
}

fn merged(existing: &Doc, new: &Doc) -> Doc {
    let both = [existing, new].into_iter().flat_map(|tags| tags.as_object().into_iter().flatten());
    Doc::Object(both.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_values_win() {
        assert_eq!(merged(&json!({"a": "1", "b": "2"}), &json!({"b": "3"})), json!({"a": "1", "b": "3"}));
        assert_eq!(merged(&Doc::Null, &json!({"b": "3"})), json!({"b": "3"}));
    }
}
