//! AWS STS: query protocol, version 2011-06-15.

use crate::operations::{assume_role, get_caller_identity};
use crate::sealing::SealingKeys;
use aws_service::{Access, OperationEntry, Service, SharedRandom};
use aws_wire::Model;
use client::Client;
use std::sync::Arc;

/// What handlers work with.
pub(crate) struct Cx {
    pub client: Client,
    pub keys: Arc<SealingKeys>,
    pub random: SharedRandom,
    pub model: &'static Model,
}

/// `client` speaks as `system:cloud:sts`. `None` when the model is not built in.
pub fn service(client: Client, keys: Arc<SealingKeys>, random: SharedRandom) -> Option<Service> {
    let model = Model::load("sts")?;
    Some(Service { operations: operations(&Arc::new(Cx { client, keys, random, model })), model })
}

fn operations(cx: &Arc<Cx>) -> Vec<OperationEntry> {
    vec![
        OperationEntry::new(cx, "AssumeRole", Access::Handler, assume_role::run),
        OperationEntry::new(cx, "GetCallerIdentity", Access::Handler, get_caller_identity::run),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_service::golden;

    #[test]
    fn what_is_not_built_is_listed() {
        let service =
            service(golden::nowhere(), Arc::new(SealingKeys::new(golden::nowhere(), "1")), Arc::new(aws_service::SystemRandom))
                .expect("a built-in model");
        assert_eq!(golden::check_unbuilt(&service, env!("CARGO_MANIFEST_DIR")), Ok(()));
    }
}
