//! POST: default, admit, validate, store; with the allocations the kind needs in the same transaction.

use super::prepare::{invalid, text};
use crate::admission::{Admission, Operation};
use crate::commit::{Lost, Plan};
use crate::server::{ApiServer, Cx};
use client::{Body, Reply, ReplyBody};
use meta::status::Result;
use meta::{Doc, FieldErrors, Object, Status};
use std::sync::Arc;

/// How often a generated name that is taken is drawn again, as upstream.
const GENERATE_ATTEMPTS: u32 = 8;

impl ApiServer {
    pub(crate) async fn create(&self, cx: &Cx<'_>) -> Result<Reply> {
        let Body::Doc(body) = &cx.call.body else { return Err(Status::bad_request("a create request needs a body")) };
        let decoded = self.decode(cx, body.clone(), &cx.def.gvk())?;
        self.create_doc(cx, decoded.doc, decoded.warnings).await
    }

    pub(crate) async fn create_doc(&self, cx: &Cx<'_>, body: Doc, warnings: Vec<String>) -> Result<Reply> {
        let created = |object| Reply { body: ReplyBody::Object(object), code: 201, warnings };
        if !text(&body["metadata"], "name").is_empty() {
            let doc = self.prepare_create(cx, body).await?;
            return self.store_new(cx, doc).await.map(created);
        }
        for _ in 1..GENERATE_ATTEMPTS {
            let doc = self.prepare_create(cx, body.clone()).await?;
            match self.store_new(cx, doc).await {
                Err(status) if status.reason == meta::Reason::AlreadyExists => {}
                outcome => return outcome.map(created),
            }
        }
        let doc = self.prepare_create(cx, body).await?;
        self.store_new(cx, doc).await.map(created)
    }

    async fn prepare_create(&self, cx: &Cx<'_>, mut doc: Doc) -> Result<Doc> {
        let def = &cx.def;
        self.fill_new_metadata(cx, &mut doc)?;
        (def.hooks.default)(&mut doc);
        def.prepare_for_create(&mut doc);
        let admission = Admission { cx, operation: Operation::Create, old: None };
        self.admit(&admission, &mut doc).await?;
        (def.hooks.default)(&mut doc);
        self.validate_create(cx, &doc)?;
        self.check_admitted(&admission, Some(&doc)).await?;
        Ok(doc)
    }

    fn validate_create(&self, cx: &Cx<'_>, doc: &Doc) -> Result<()> {
        let mut errors = FieldErrors::default();
        api::object_meta::validate(&cx.def, doc, &mut errors);
        (cx.def.hooks.validate)(doc, &mut errors);
        self.published.structure.validate(&cx.def, doc, &mut errors);
        invalid(&cx.def, doc, &errors)
    }

    async fn store_new(&self, cx: &Cx<'_>, mut doc: Doc) -> Result<Arc<Object>> {
        let name = text(&doc["metadata"], "name").to_owned();
        loop {
            let home = self.living_namespace(cx).await?;
            let mut plan = Plan::create(cx, &name, home.as_deref());
            let allocated = self.allocate_new(cx, &mut doc, &mut plan).await?;
            match self.commit(cx, plan, &doc).await? {
                Ok(object) => return Ok(object),
                Err(Lost::Object) => return Err(Status::already_exists(&cx.def.group_resource(), &name)),
                // Look again at what has become of it.
                Err(Lost::Namespace) => drop(self.caches.fresh().await?),
                // Somebody else took an address that was chosen for this one: choose again.
                Err(Lost::Claim(key)) => self.release_choice(&mut doc, &allocated, &key)?,
            }
        }
    }
}
