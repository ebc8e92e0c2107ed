//! What a service is to the endpoint.

use crate::{Outcome, Request};
use aws_wire::Model;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

pub struct Service {
    pub model: &'static Model,
    /// The operations that are built, one line each.
    pub operations: Vec<OperationEntry>,
}

/// Who may call an operation.
#[derive(Clone, Copy)]
pub enum Access {
    /// IAM policies must allow `<service>:<Operation>` on each resource this names.
    Policy(fn(&Request) -> Vec<String>),
    /// Every authenticated caller reaches the handler, which decides itself.
    Handler,
}

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One line of a service's list.
pub struct OperationEntry {
    pub name: &'static str,
    pub access: Access,
    run: Box<dyn Fn(Request) -> Running + Send + Sync>,
}

impl OperationEntry {
    pub fn new<C, F>(service: &Arc<C>, name: &'static str, access: Access, handler: fn(Arc<C>, Request) -> F) -> Self
    where
        C: Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let service = Arc::clone(service);
        Self { name, access, run: Box::new(move |request| Box::pin(handler(Arc::clone(&service), request))) }
    }

    pub(crate) async fn run(&self, request: Request) -> Outcome {
        (self.run)(request).await
    }
}

/// The modelled operations that a service has not built, in order: each service keeps this as a golden list.
pub fn unbuilt<'a>(model: &'a Model, built: &[&str]) -> Vec<&'a str> {
    let names: BTreeSet<&str> = model.operations().map(|operation| operation.name.as_str()).collect();
    names.into_iter().filter(|name| !built.contains(name)).collect()
}
