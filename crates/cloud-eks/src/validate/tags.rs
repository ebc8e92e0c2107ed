//! Rules for tags.

use meta::Doc;

const MAX_TAGS: usize = 50;

/// The first rule that these tags break.
pub fn check(tags: &Doc) -> Result<(), String> {
    let Some(tags) = tags.as_object() else { return Ok(()) };
    if tags.len() > MAX_TAGS {
        return Err(format!("The maximum number of tags per resource is {MAX_TAGS}."));
    }
    match tags.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        Some(key) => Err(format!("Tag key {key} is invalid: keys that begin with aws: are reserved.")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tags_are_few_and_not_reserved() {
        let many: Doc = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
        for (tags, ok) in [(json!(null), true), (json!({"a": "b"}), true), (json!({"AWS:x": "b"}), false), (many, false)] {
            assert_eq!(check(&tags).is_ok(), ok, "{tags}");
        }
    }
}
