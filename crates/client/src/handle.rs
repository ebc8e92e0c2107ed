//! The convenient face of a transport.

use crate::{
    Body, Call, ChangeStream, DeleteOptions, List, Options, PatchKind, Reply, ReplyBody, Result, Transport, Verb, WatchStream,
};
use meta::{Doc, Gvr, Object, Status};
use std::sync::Arc;

/// A resource named in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
}

impl Resource {
    pub const fn new(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self { group, version, plural }
    }
    pub fn gvr(&self) -> Gvr {
        Gvr::new(self.group, self.version, self.plural)
    }
}

impl From<Resource> for Gvr {
    fn from(resource: Resource) -> Self {
        resource.gvr()
    }
}

/// A user's handle on an API server. Cheap to clone. `namespace` is `""` for cluster-scoped kinds or all namespaces.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
}

impl Client {
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }

    pub async fn call(&self, call: Call) -> Result<Reply> {
        self.transport.call(call).await
    }

    pub async fn get(&self, resource: impl Into<Gvr>, namespace: &str, name: &str) -> Result<Arc<Object>> {
        self.object(Call::new(Verb::Get, resource.into(), namespace, name)).await
    }

    /// As [`Client::get`], with "not found" as `None`.
    pub async fn find(&self, resource: impl Into<Gvr>, namespace: &str, name: &str) -> Result<Option<Arc<Object>>> {
        match self.get(resource, namespace, name).await {
            Err(status) if status.reason == meta::Reason::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    pub async fn list(&self, resource: impl Into<Gvr>, namespace: &str, options: Options) -> Result<List> {
        match self.call(Call::new(Verb::List, resource.into(), namespace, "").options(options)).await?.body {
            ReplyBody::List(list) => Ok(list),
            _ => Err(Status::internal("a list request was answered with something else")),
        }
    }

    pub async fn watch(&self, resource: impl Into<Gvr>, namespace: &str, options: Options) -> Result<WatchStream> {
        self.transport.watch(Call::new(Verb::Watch, resource.into(), namespace, "").options(options)).await
    }

    pub async fn create(&self, resource: impl Into<Gvr>, namespace: &str, doc: Doc) -> Result<Arc<Object>> {
        self.object(Call::new(Verb::Create, resource.into(), namespace, "").body(doc)).await
    }

    pub async fn update(&self, resource: impl Into<Gvr>, namespace: &str, name: &str, doc: Doc) -> Result<Arc<Object>> {
        self.object(Call::new(Verb::Update, resource.into(), namespace, name).body(doc)).await
    }

    /// As [`Client::update`], of a subresource such as `status`.
    pub async fn update_subresource(
        &self,
        resource: impl Into<Gvr>,
        namespace: &str,
        name: &str,
        subresource: &str,
        doc: Doc,
    ) -> Result<Arc<Object>> {
        self.object(Call::new(Verb::Update, resource.into(), namespace, name).subresource(subresource).body(doc)).await
    }

    /// A merge patch of the object itself (`subresource` empty) or of a subresource such as `status`.
    pub async fn patch(
        &self,
        resource: impl Into<Gvr>,
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: Doc,
    ) -> Result<Arc<Object>> {
        self.patched(PatchKind::Merge, Call::new(Verb::Patch, resource.into(), namespace, name).subresource(subresource), patch)
            .await
    }

    /// As [`Client::patch`], a strategic merge patch.
    pub async fn patch_strategic(
        &self,
        resource: impl Into<Gvr>,
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: Doc,
    ) -> Result<Arc<Object>> {
        self.patched(
            PatchKind::Strategic,
            Call::new(Verb::Patch, resource.into(), namespace, name).subresource(subresource),
            patch,
        )
        .await
    }

    async fn patched(&self, kind: PatchKind, mut call: Call, patch: Doc) -> Result<Arc<Object>> {
        call.body = Body::Patch(kind, patch);
        self.object(call).await
    }

    pub async fn delete(&self, resource: impl Into<Gvr>, namespace: &str, name: &str, delete: DeleteOptions) -> Result<Reply> {
        let options = Options { delete, ..Options::default() };
        self.call(Call::new(Verb::Delete, resource.into(), namespace, name).options(options)).await
    }

    /// Deletes everything that `options` selects.
    pub async fn delete_collection(&self, resource: impl Into<Gvr>, namespace: &str, options: Options) -> Result<()> {
        self.call(Call::new(Verb::DeleteCollection, resource.into(), namespace, "").options(options)).await.map(drop)
    }

    /// Objects of all kinds, where the transport offers it.
    pub async fn changes(&self) -> Result<ChangeStream> {
        self.transport.changes().await
    }

    async fn object(&self, call: Call) -> Result<Arc<Object>> {
        match self.call(call).await?.body {
            ReplyBody::Object(object) => Ok(object),
            ReplyBody::Doc(doc) => Object::from_doc(&doc, 0).map(Arc::new).map_err(Status::internal),
            ReplyBody::List(_) => Err(Status::internal("a request for one object was answered with a list")),
        }
    }
}
