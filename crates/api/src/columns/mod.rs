//! What `kubectl get` shows of each built-in kind, as kubernetes pkg/printers/internalversion/printers.go prints it.

use meta::time::human_duration;
use meta::{Doc, Time};

/// How long ago a timestamp in a document was.
pub fn since(timestamp: &Doc, now: Time) -> String {
    match timestamp.as_str().and_then(Time::parse) {
        Some(then) => human_duration(now.seconds_since(then)),
        None => "<unknown>".into(),
    }
}
