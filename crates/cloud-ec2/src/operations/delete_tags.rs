//! DeleteTags: those named, by key or by key and value; without any, all that are not AWS's.

use crate::describe::refuse_dry_run;
use crate::service::Cx;
use crate::tags;
use aws_service::{Outcome, Request};
use meta::Doc;
use serde_json::{Map, json};
use std::sync::Arc;

pub async fn run(cx: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let named: Vec<Doc> = request.input["Tags"].as_array().cloned().unwrap_or_default();
    let keys: Vec<String> = named.iter().filter_map(|tag| tag["Key"].as_str().map(str::to_owned)).collect();
    tags::check(keys.iter())?;
    tags::change(&cx, &request, |present| gone(present, &named)).await?;
    Ok(json!({}))
}

fn gone(present: &Map<String, Doc>, named: &[Doc]) -> Map<String, Doc> {
    let goes = |key: &str, value: &Doc| match named.is_empty() {
        true => !key.starts_with("aws:"),
        false => named.iter().any(|tag| tag["Key"] == key && (tag["Value"].is_null() || tag["Value"] == *value)),
    };
    present.iter().filter(|(key, value)| goes(key, value)).map(|(key, _)| (key.clone(), Doc::Null)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_tags_go() {
        let present = json!({"a": "1", "b": "2", "aws:x": "3"});
        let present = present.as_object().expect("an object");
        for (named, expected) in [
            (json!([]), json!({"a": null, "b": null})),
            (json!([{"Key": "a"}]), json!({"a": null})),
            (json!([{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "2"}]), json!({"b": null})),
            (json!([{"Key": "c"}]), json!({})),
        ] {
            let named = named.as_array().cloned().unwrap_or_default();
            assert_eq!(Doc::Object(gone(present, &named)), expected, "{named:?}");
        }
    }
}
