//! The feed of all kinds for readers in this process: what there is, then every change in the order of its commit.

use crate::server::ApiServer;
use auth::Attributes;
use client::{ChangeStream, Event, EventKind, ObjectFeed};
use futures::{StreamExt, stream};
use meta::User;
use meta::status::Result;
use std::sync::Arc;

impl ApiServer {
    /// For whoever may list and watch everything.
    pub async fn handle_changes(&self, user: &User) -> Result<ChangeStream> {
        for verb in ["list", "watch"] {
            self.decide(&Attributes::resource(user, verb, "*", "*"))?;
        }
        self.caches.fresh().await?;
        let (present, live) = self.caches.read_all();
        let present = present.into_iter().flat_map(|(resource, objects)| {
            objects.into_iter().map(move |(_, object)| {
                let event = Arc::new(Event::new(EventKind::Added, object));
                ObjectFeed { resource: resource.clone(), event }
            })
        });
        let live = stream::unfold((live, self.stop.clone()), |(mut live, stop)| async move {
            let change = stop.run_until_cancelled(live.recv()).await??;
            Some((change, (live, stop)))
        });
        Ok(Box::pin(stream::iter(present).chain(live)))
    }
}
