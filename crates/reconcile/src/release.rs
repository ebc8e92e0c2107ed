//! Records that go: letting go of them, and writing to what may be gone.

use meta::{Doc, Status, status::Reason};
use serde_json::json;

/// Whatever a write came to: a record that has gone needs nothing more.
pub fn gone_is_done<T, E: From<Status>>(outcome: Result<T, Status>) -> Result<(), E> {
    match outcome {
        Err(status) if status.reason != Reason::NotFound => Err(status.into()),
        _ => Ok(()),
    }
}

/// The patch that takes a finalizer off a record, if it is still as it was read.
pub fn release(record: &Doc, finalizer: &str) -> Doc {
    let metadata = &record["metadata"];
    let finalizers = metadata["finalizers"].as_array().into_iter().flatten();
    let rest: Vec<&Doc> = finalizers.filter(|held| **held != finalizer).collect();
    json!({"metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], "finalizers": rest}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ones_own_finalizer_is_released() {
        for (held, rest) in [(json!(["mine", "x"]), json!(["x"])), (json!(["x"]), json!(["x"])), (json!(["mine"]), json!([]))] {
            let record = json!({"metadata": {"name": "r", "uid": "u", "resourceVersion": "7", "finalizers": held}});
            let patch = json!({"metadata": {"uid": "u", "resourceVersion": "7", "finalizers": rest}});
            assert_eq!(release(&record, "mine"), patch, "{held}");
        }
    }
}
