//! A service as data: its operations, their shapes, and where each member travels.

mod catalog;
mod shape;

use std::collections::HashMap;

use serde::Deserialize;

pub use catalog::{Listing, by_signing_name, listing, services};
pub use shape::{Location, Member, Shape, ShapeId, ShapeKind, TimestampFormat};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    Query,
    Ec2,
    Json,
    RestJson,
    RestXml,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub name: String,
    pub method: String,
    /// The request's path with `{label}`s, as modelled, perhaps with a fixed query string.
    pub uri: String,
    /// The status of success.
    #[serde(default = "ok")]
    pub status: u16,
    pub input: Option<ShapeId>,
    pub input_name: Option<String>,
    pub input_namespace: Option<String>,
    pub output: Option<ShapeId>,
    /// The element that holds the output in the query protocol.
    pub wrapper: Option<String>,
    #[serde(default)]
    pub errors: Vec<ShapeId>,
    /// Called without a signature (AssumeRoleWithWebIdentity, AssumeRoleWithSAML).
    #[serde(default)]
    pub unsigned: bool,
}

fn ok() -> u16 {
    200
}

/// What a client waits for: `acceptors` are tried in order after each call of `operation`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiter {
    pub name: String,
    pub operation: String,
    /// Seconds between two calls.
    pub delay: u32,
    pub max_attempts: u32,
    pub acceptors: Vec<Acceptor>,
}

#[derive(Debug, Deserialize)]
pub struct Acceptor {
    /// `success`, `failure` or `retry`.
    pub state: String,
    /// `path`, `pathAll`, `pathAny`, `error` or `status`.
    pub matcher: String,
    pub argument: Option<String>,
    pub expected: serde_json::Value,
}

#[derive(Debug, Deserialize)]
pub struct Paginator {
    pub operation: String,
    /// Input members that take the token, in the order of `output`.
    pub input: Vec<String>,
    pub output: Vec<String>,
    pub result: Vec<String>,
    pub limit: Option<String>,
    pub more: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    service: String,
    signing_name: String,
    endpoint_prefix: String,
    protocol: Protocol,
    json_version: Option<String>,
    api_version: String,
    target_prefix: Option<String>,
    xml_namespace: Option<String>,
    operations: Vec<Operation>,
    shapes: Vec<Shape>,
    #[serde(default)]
    waiters: Vec<Waiter>,
    #[serde(default)]
    paginators: Vec<Paginator>,
    #[serde(skip)]
    by_name: HashMap<String, usize>,
}

impl Model {
    /// The table of one of [`services`], parsed on first use.
    pub fn load(service: &str) -> Option<&'static Self> {
        catalog::load(service)
    }

    /// A table from its JSON text; shape numbers are checked here, so that lookups cannot fail later.
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        let mut model: Self = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        let count = model.shapes.len();
        let from_operations = model.operations.iter().flat_map(|op| op.input.iter().chain(&op.output).chain(&op.errors));
        let mut used = from_operations.copied().chain(model.shapes.iter().flat_map(Shape::references));
        let bad = used.find(|id| id.index() >= count);
        drop(used);
        if let Some(bad) = bad {
            return Err(format!("{}: no shape number {}", model.service, bad.index()));
        }
        model.by_name = model.operations.iter().enumerate().map(|(i, op)| (op.name.clone(), i)).collect();
        Ok(model)
    }

    pub fn service(&self) -> &str {
        &self.service
    }
    /// The service in a credential's scope: `elasticloadbalancing` for `elbv2`.
    pub fn signing_name(&self) -> &str {
        &self.signing_name
    }
    pub fn endpoint_prefix(&self) -> &str {
        &self.endpoint_prefix
    }
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }
    pub fn json_version(&self) -> &str {
        self.json_version.as_deref().unwrap_or("1.1")
    }
    pub fn api_version(&self) -> &str {
        &self.api_version
    }
    pub fn target_prefix(&self) -> Option<&str> {
        self.target_prefix.as_deref()
    }
    pub fn xml_namespace(&self) -> Option<&str> {
        self.xml_namespace.as_deref()
    }
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(*self.by_name.get(name)?)
    }
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter()
    }
    pub fn waiters(&self) -> &[Waiter] {
        &self.waiters
    }
    pub fn paginator(&self, operation: &str) -> Option<&Paginator> {
        self.paginators.iter().find(|paginator| paginator.operation == operation)
    }
    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.index()]
    }
    pub fn shape_named(&self, name: &str) -> Option<&Shape> {
        self.shapes.binary_search_by(|shape| shape.name.as_str().cmp(name)).ok().map(|i| &self.shapes[i])
    }
    pub fn input(&self, op: &Operation) -> Option<&Shape> {
        op.input.map(|id| self.shape(id))
    }
    pub fn output(&self, op: &Operation) -> Option<&Shape> {
        op.output.map(|id| self.shape(id))
    }
    /// The modelled error that goes by `code` on the wire.
    pub fn error(&self, code: &str) -> Option<&Shape> {
        self.shapes.iter().find(|shape| shape.exception && shape.error_code() == code)
    }
    /// Event streams are not spoken here: such an operation has no sensible one-piece answer.
    pub fn has_event_stream(&self, op: &Operation) -> bool {
        let ends = [self.input(op), self.output(op)];
        let mut members = ends.into_iter().flatten().flat_map(|shape| &shape.members);
        members.any(|member| self.shape(member.shape).event_stream)
    }
}

#[cfg(test)]
mod tests;
