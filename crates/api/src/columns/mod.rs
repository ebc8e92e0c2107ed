//! What `kubectl get` shows of each built-in kind: upstream's kubernetes pkg/printers/internalversion/printers.go.
//!
//! The server always prints wide; clients leave out the columns whose priority is above zero.

mod access;
mod admission;
mod autoscaling;
mod cells;
mod core;
pub mod custom;
mod networking;
mod node;
mod path;
mod pod;
mod resource;
mod storage;
mod system;
mod workloads;

pub(crate) use cells::{count, number, since, text};

use crate::{Cell, Column};

/// A kind's columns in a Kubernetes minor (34 for 1.34). Kinds without a printer get upstream's default ones.
pub fn columns(group: &str, kind: &str, minor: u32) -> Vec<Column> {
    let known = match group {
        "" => core::columns(kind, minor)
            .or_else(|| node::columns(kind, minor))
            .or_else(|| pod::columns(kind, minor))
            .or_else(|| storage::columns(kind, minor)),
        "apps" | "batch" => workloads::columns(kind, minor),
        "autoscaling" => autoscaling::columns(kind, minor),
        "policy" => autoscaling::columns(kind, minor),
        "events.k8s.io" => core::columns(kind, minor),
        "networking.k8s.io" | "discovery.k8s.io" => networking::columns(kind, minor),
        "storage.k8s.io" => storage::columns(kind, minor),
        "rbac.authorization.k8s.io" | "certificates.k8s.io" => access::columns(kind, minor),
        "admissionregistration.k8s.io" => admission::columns(kind, minor),
        "resource.k8s.io" => resource::columns(kind, minor),
        _ => system::columns(kind, minor),
    };
    known.unwrap_or_else(default_columns)
}

/// `rest.DefaultTableConvertor`.
pub fn default_columns() -> Vec<Column> {
    vec![name(), Column::new("Created At", "date", Cell::Text("/metadata/creationTimestamp", ""))]
}

fn name() -> Column {
    Column::new("Name", "string", Cell::Name).format("name")
}

fn age() -> Column {
    Column::new("Age", "string", Cell::Age)
}

/// A text column; empty text prints as nothing.
fn string(name: &'static str, pointer: &'static str) -> Column {
    Column::new(name, "string", Cell::Text(pointer, ""))
}

/// A text column with a word for its absence.
fn string_or(name: &'static str, pointer: &'static str, otherwise: &'static str) -> Column {
    Column::new(name, "string", Cell::Text(pointer, otherwise))
}

fn integer(name: &'static str, pointer: &'static str) -> Column {
    Column::new(name, "integer", Cell::Number(pointer))
}

fn of(name: &'static str, kind: &'static str, cell: fn(&meta::Doc, meta::Time) -> meta::Doc) -> Column {
    Column::new(name, kind, Cell::Of(cell))
}

#[cfg(test)]
mod tests;
