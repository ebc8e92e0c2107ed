//! Merge patches that replace a whole map.

use meta::Doc;

/// A merge patch that leaves nothing behind of what is no longer there.
pub fn replacing(present: &Doc, mut next: Doc) -> Doc {
    for (key, _) in present.as_object().into_iter().flatten() {
        if next[key].is_null() {
            next[key] = Doc::Null;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_gone_is_null() {
        assert_eq!(replacing(&json!({"a": 1, "b": 2}), json!({"b": 3})), json!({"a": null, "b": 3}));
        assert_eq!(replacing(&Doc::Null, json!({"b": 3})), json!({"b": 3}));
    }
}
