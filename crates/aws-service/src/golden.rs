//! For tests of services: the golden list of operations that are modelled and not built, which only shrinks.

use crate::{Service, unbuilt};
use client::{Call, Client, Reply, Transport, WatchStream};
use meta::status::{Reason, Result, Status};
use std::path::Path;
use std::sync::Arc;

/// Set to write the list instead of comparing it.
const UPDATE: &str = "UPDATE_GOLDEN";

/// Compares the list in `unbuilt-operations.txt` of the service's crate, one operation a line, with what it has not built.
pub fn check_unbuilt(service: &Service, manifest_directory: &str) -> Result<(), String> {
    let file = Path::new(manifest_directory).join("unbuilt-operations.txt");
    let built: Vec<&str> = service.operations.iter().map(|entry| entry.name).collect();
    let text: String = unbuilt(service.model, &built).iter().map(|name| format!("{name}\n")).collect();
    if std::env::var_os(UPDATE).is_some() {
        return std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()));
    }
    let stored = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    match stored == text {
        true => Ok(()),
        false => Err(format!("{} is out of date: run the test with {UPDATE}=1 and see that it has shrunk", file.display())),
    }
}

/// A client of no API server, for a service whose handlers are not called.
pub fn nowhere() -> Client {
    Client::new(Arc::new(Nowhere))
}

struct Nowhere;

#[async_trait::async_trait]
impl Transport for Nowhere {
    async fn call(&self, _: Call) -> Result<Reply> {
        Err(Status::new(Reason::ServiceUnavailable, "there is no management plane"))
    }
    async fn watch(&self, _: Call) -> Result<WatchStream> {
        Err(Status::new(Reason::ServiceUnavailable, "there is no management plane"))
    }
}
