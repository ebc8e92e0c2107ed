//! One control plane's API server: the one path that every request takes.

use crate::admission::Plugins;
use crate::alarm::Alarm;
use crate::authn::Authenticators;
use crate::cache::{Caches, ResourceCache};
use crate::config::Config;
use crate::filter::Filter;
use crate::published::Published;
use crate::verbs::{Listing, Whole};
use api::ResourceDef;
use auth::{Attributes, Authorizer, Decision};
use client::{Call, ChangeStream, Client, List, Reply, ReplyBody, Transport, Verb, WatchItem, WatchStream};
use futures::StreamExt;
use meta::status::Result;
use meta::time::SharedClock;
use meta::{FieldSelector, Status, User};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A control plane's API server. Everyone, in process or over TLS, comes in through [`ApiServer::handle`] or
/// [`ApiServer::handle_watch`] with an identity.
pub struct ApiServer {
    pub(crate) config: Config,
    pub(crate) published: Arc<Published>,
    pub(crate) caches: Arc<Caches>,
    pub(crate) clock: SharedClock,
    pub(crate) authenticators: Authenticators,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) rbac: Arc<auth::rbac::RbacIndex>,
    pub(crate) plugins: Plugins,
    pub(crate) compaction: Alarm,
    /// Where the next compaction reaches to.
    pub(crate) compacted: AtomicU64,
    pub(crate) expiry: Alarm,
    /// The caches are being fed.
    pub(crate) following: AtomicBool,
    /// What every cluster starts with is there.
    pub(crate) bootstrapped: AtomicBool,
    /// Owns what outlives a request: upgraded connections.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// One request on its way: who asks, what for, and which kind it is about.
pub(crate) struct Cx<'a> {
    pub user: &'a User,
    pub call: &'a Call,
    pub def: Arc<ResourceDef>,
}

impl Cx<'_> {
    pub fn not_found(&self) -> Status {
        Status::not_found(&self.def.group_resource(), &self.call.target.name)
    }
}

/// What a call is answered with. Whoever only passes a list on need not have all of it at once.
pub(crate) enum Answer {
    Reply(Reply),
    Whole(Whole),
}

impl ApiServer {
    /// The path of every request but a watch.
    pub async fn handle(&self, user: &User, call: &Call) -> Result<Reply> {
        let cx = self.enter(user, call)?;
        Ok(match self.answer(&cx).await? {
            Answer::Reply(reply) => reply,
            Answer::Whole(list) => Reply::new(ReplyBody::List(list.into())),
        })
    }

    /// The rest of the path, for a call that was let in.
    pub(crate) async fn answer(&self, cx: &Cx<'_>) -> Result<Answer> {
        if let Some(reply) = self.special(cx).await? {
            return Ok(Answer::Reply(reply));
        }
        let reply = match cx.call.verb {
            Verb::Get => self.get(cx).await?,
            Verb::List => match self.list(cx).await? {
                Listing::Whole(list) if cx.def.convert.is_none() => return Ok(Answer::Whole(list)),
                listing => Reply::new(ReplyBody::List(shown_list(&cx.def, listing.into())?)),
            },
            Verb::Create => self.create(cx).await?,
            Verb::Update | Verb::Patch => self.update(cx).await?,
            Verb::Delete => self.delete(cx).await?,
            Verb::DeleteCollection => self.delete_collection(cx).await?,
            Verb::Watch => return Err(Status::bad_request("a watch is opened, not called")),
        };
        Ok(Answer::Reply(reply))
    }

    pub async fn handle_watch(&self, user: &User, call: &Call) -> Result<WatchStream> {
        let cx = self.enter(user, call)?;
        let stream = self.open_watch(&cx).await?;
        let def = cx.def.clone();
        if def.convert.is_none() {
            return Ok(stream);
        }
        Ok(Box::pin(stream.map(move |item| convert_item(&def, item))))
    }

    /// A handle on this server as `user`, without TCP and TLS and with everything else.
    pub fn client(self: &Arc<Self>, user: User) -> Client {
        Client::new(Arc::new(InProcess { server: self.clone(), user }))
    }

    /// Whether the caller may ask this at all, before its body is read.
    pub(crate) fn enter<'a>(&self, user: &'a User, call: &'a Call) -> Result<Cx<'a>> {
        // What is not served is nobody's to know who may not ask for it.
        self.authorize(user, call, call.verb.as_str())?;
        let resource = &call.target.resource;
        let def = self
            .published
            .catalog
            .by_path(&resource.group, &resource.version, &resource.resource)
            .ok_or_else(Status::no_such_path)?;
        let cx = Cx { user, call, def };
        if !served(&cx) {
            return Err(Status::method_not_supported(&cx.def.group_resource(), call.verb.as_str()));
        }
        Ok(cx)
    }

    /// Refuses what neither RBAC, the node authorizer nor an access policy allows.
    pub(crate) fn authorize(&self, user: &User, call: &Call, verb: &str) -> Result<()> {
        let target = &call.target;
        let is_namespace = target.resource.group.is_empty() && target.resource.resource == "namespaces";
        let many = matches!(call.verb, Verb::List | Verb::Watch | Verb::DeleteCollection);
        let selected = many.then(|| FieldSelector::parse(&call.options.field_selector).ok()).flatten();
        let attributes = Attributes {
            user,
            verb,
            group: &target.resource.group,
            version: &target.resource.version,
            resource: &target.resource.resource,
            subresource: &target.subresource,
            // A namespace lies in itself, so that a RoleBinding in it can cover it.
            namespace: if is_namespace { &target.name } else { &target.namespace },
            name: selected.as_ref().and_then(|s| s.exact("metadata.name")).unwrap_or(&target.name),
            path: "",
            is_resource: true,
            field_selector: selected.as_ref(),
        };
        self.decide(&attributes)
    }

    pub(crate) fn decide(&self, attributes: &Attributes<'_>) -> Result<()> {
        if self.authorizer.opinion(attributes) == Some(true) {
            return Ok(());
        }
        match self.authorizer.authorize(attributes) {
            Decision::Allow { .. } => Ok(()),
            Decision::Deny { reason } | Decision::NoOpinion { reason } => Err(auth::authorizer::forbidden(attributes, &reason)),
        }
    }

    /// What the call's selectors select.
    pub(crate) fn filter(&self, cx: &Cx<'_>) -> Result<Filter> {
        Filter::new(&self.published.catalog.storage_of(&cx.def), &cx.def, &cx.call.target, &cx.call.options)
    }

    pub(crate) fn cache_of(&self, def: &ResourceDef) -> Result<Arc<ResourceCache>> {
        self.caches.of(def.storage()).ok_or_else(|| Status::internal(format!("{} are not stored", def.group_resource())))
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn caches(&self) -> &Arc<Caches> {
        &self.caches
    }

    pub(crate) fn no_namespace(&self, namespace: &str) -> Status {
        Status::not_found(&meta::GroupResource::new("", "namespaces"), namespace)
    }
}

/// Lists come as they are stored; single objects were converted where they were read or written.
fn shown_list(def: &ResourceDef, mut list: List) -> Result<List> {
    if def.convert.is_some() {
        for object in &mut list.items {
            *object = crate::commit::shown(def, object.clone())?;
        }
    }
    Ok(list)
}

fn convert_item(def: &ResourceDef, item: WatchItem) -> WatchItem {
    match item {
        WatchItem::Event(event) => match crate::commit::shown(def, event.object.clone()) {
            Ok(object) => WatchItem::Event(Arc::new(client::Event::new(event.kind, object))),
            Err(status) => WatchItem::Error(status),
        },
        other => other,
    }
}

/// Whether the kind, or its subresource, knows the verb and the shape of the path.
fn served(cx: &Cx<'_>) -> bool {
    let (call, def) = (cx.call, &cx.def);
    let verb = call.verb.as_str();
    if def.namespaced && call.target.namespace.is_empty() && !matches!(call.verb, Verb::List | Verb::Watch) {
        return false;
    }
    match call.target.subresource.as_str() {
        "" => def.allows(verb),
        name => def.subresource(name).is_some_and(|s| s.verbs.iter().any(|v| v == verb)),
    }
}

/// The in-process transport. Its user is fixed when it is made; a call cannot bring another.
struct InProcess {
    server: Arc<ApiServer>,
    user: User,
}

#[async_trait::async_trait]
impl Transport for InProcess {
    async fn call(&self, call: Call) -> Result<Reply> {
        self.server.handle(&self.user, &call).await
    }
    async fn watch(&self, call: Call) -> Result<WatchStream> {
        self.server.handle_watch(&self.user, &call).await
    }
    async fn changes(&self) -> Result<ChangeStream> {
        self.server.handle_changes(&self.user).await
    }
}
