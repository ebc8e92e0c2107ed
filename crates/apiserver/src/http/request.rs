//! From an HTTP request to a call: authentication, limits, decoding, in that order.

use super::path::{Route, resolve};
use super::{HttpHandler, options, reply};
use crate::authn::impersonate;
use crate::config::MAX_BODY_BYTES;
use crate::connect::is_connect;
use crate::server::{Answer, Cx};
use ::http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use ::http::{HeaderMap, Method, Request, Response};
use client::{Body as CallBody, Call, Options, PatchKind, Target, Verb};
use meta::status::Result;
use meta::{Doc, Reason, Status, User};
use serve::{Body, BodyError, RequestBody, read_body};
use tokio::sync::SemaphorePermit;
use wire::{Endpoint, PatchFormat};

/// A watch without a timeout of its own ends within half an hour and an hour, as upstream's
/// `--min-request-timeout` has it, so that clients spread over servers again.
const MIN_WATCH_SECONDS: u64 = 1800;

/// What the client wants of the form of the reply, kept for error replies.
pub(super) struct Asked {
    pub accept: String,
    pub pretty: bool,
    pub include_object: String,
}

impl Asked {
    pub fn of<B>(request: &Request<B>) -> Self {
        let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let parameter = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        Self {
            accept: header(ACCEPT).to_owned(),
            pretty: wire::negotiate::pretty(parameter("pretty").as_deref(), header(USER_AGENT)),
            include_object: parameter("includeObject").unwrap_or_default(),
        }
    }

    pub fn encoding(&self, endpoint: Endpoint) -> Result<wire::Encoding> {
        let mut encoding = wire::negotiate::accept(&self.accept, endpoint)?;
        encoding.pretty |= self.pretty && endpoint != Endpoint::Watch;
        Ok(encoding)
    }
}

impl HttpHandler {
    pub(super) async fn answer(
        &self,
        certificate: Option<&User>,
        request: Request<RequestBody>,
        asked: &Asked,
    ) -> Result<Response<Body>> {
        let caller = self.server.authenticate(request.headers(), certificate).await?;
        let user = impersonate(&self.server, request.headers(), caller)?;
        let path = request.uri().path().to_owned();
        match resolve(&path) {
            Route::Other => self.other(&user, &path, &request, asked),
            Route::Resource(target) => self.resource(&user, target, request, asked).await,
        }
    }

    async fn resource(
        &self,
        user: &User,
        target: Target,
        request: Request<RequestBody>,
        asked: &Asked,
    ) -> Result<Response<Body>> {
        let options = options::parse(request.uri().query().unwrap_or_default())?;
        let watch = is_watch(request.uri().query().unwrap_or_default());
        let verb = verb(request.method(), &target, watch).ok_or_else(|| not_allowed(&target))?;
        if verb == Verb::Watch {
            return self.watch(user, target, options, asked).await;
        }
        if is_connect(&target) {
            let call = Call { verb, target, body: CallBody::Empty, options };
            self.server.enter(user, &call)?;
            return self.connect(user, call, request).await;
        }
        let _place = self.place(verb)?;
        let encoding = asked.encoding(Endpoint::Resource)?;
        let (parts, body) = request.into_parts();
        let mut call = Call { verb, target, body: CallBody::Empty, options };
        let def = self.server.enter(user, &call)?.def;
        if !matches!(verb, Verb::Get | Verb::List) {
            self.read(&mut call, &parts.headers, body).await?;
        }
        let cx = Cx { user, call: &call, def };
        match self.server.answer(&cx).await? {
            Answer::Reply(reply) => reply::success(&cx.def, reply, &encoding, asked, self.server.now()),
            Answer::Whole(list) => reply::whole(&cx.def, list, &encoding, asked, self.server.now()),
        }
    }

    async fn watch(&self, user: &User, target: Target, mut options: Options, asked: &Asked) -> Result<Response<Body>> {
        let encoding = asked.encoding(Endpoint::Watch)?;
        let include = wire::IncludeObject::parse(&asked.include_object)?;
        options.timeout_seconds = options.timeout_seconds.or_else(|| Some(self.server.watch_seconds(MIN_WATCH_SECONDS)));
        let def = self.server.definition(&target).ok_or_else(Status::no_such_path)?;
        let mut call = Call::new(Verb::Watch, target.resource, &target.namespace, "");
        call.options = options;
        let stream = self.server.handle_watch(user, &call).await?;
        Ok(reply::watch(wire::WatchEncoder::new(def, &encoding, include), stream, &encoding, self.server.shared_clock()))
    }

    /// Too many at once are told to come back, so that nobody waits in a queue without end.
    fn place(&self, verb: Verb) -> Result<SemaphorePermit<'_>> {
        let places = if matches!(verb, Verb::Get | Verb::List) { &self.reads } else { &self.writes };
        places.try_acquire().map_err(|_| Status::too_many_requests("Too many requests, please try again later.", 1))
    }

    async fn read(&self, call: &mut Call, headers: &HeaderMap, body: RequestBody) -> Result<()> {
        let options = &mut call.options;
        let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        call.body = match call.verb {
            Verb::Get | Verb::List | Verb::Watch => CallBody::Empty,
            Verb::Create | Verb::Update => {
                let format = wire::body::format(content_type, self.server.takes_protobuf(&call.target))?;
                let decoded = wire::body::read(self.server.schema(), &limited(body).await?, format)?;
                options.duplicate_fields = decoded.duplicate_fields;
                CallBody::Doc(decoded.doc)
            }
            Verb::Patch => {
                let strategic = self.server.takes_strategic(&call.target);
                let kind = match wire::body::patch_format(content_type, strategic)? {
                    PatchFormat::Json => PatchKind::Json,
                    PatchFormat::Merge => PatchKind::Merge,
                    PatchFormat::Strategic => PatchKind::Strategic,
                };
                let decoded = wire::body::decode(&limited(body).await?, wire::Format::Json)?;
                options.duplicate_fields = decoded.duplicate_fields;
                CallBody::Patch(kind, decoded.doc)
            }
            Verb::Delete | Verb::DeleteCollection => {
                let bytes = limited(body).await?;
                if !bytes.is_empty() {
                    // Options are a built-in kind, whatever they are about.
                    let format = wire::body::format(content_type, true)?;
                    let doc: Doc = wire::body::read(self.server.schema(), &bytes, format)?.doc;
                    options::take_delete_body(options, &doc)?;
                }
                CallBody::Empty
            }
        };
        Ok(())
    }
}

async fn limited(body: RequestBody) -> Result<bytes::Bytes> {
    read_body(body, MAX_BODY_BYTES).await.map_err(|error| match error {
        BodyError::TooLarge => Status::too_large(MAX_BODY_BYTES),
        BodyError::Broken(why) => Status::bad_request(format!("unable to read the request's body: {why}")),
    })
}

fn is_watch(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "watch" && options::is_true(&value))
}

fn verb(method: &Method, target: &Target, watch: bool) -> Option<Verb> {
    let named = !target.name.is_empty();
    Some(match *method {
        // Of one object only its list can be watched: the parameter is ignored on a named path, as upstream.
        Method::GET if watch && !named => Verb::Watch,
        Method::GET | Method::HEAD if named => Verb::Get,
        Method::GET | Method::HEAD => Verb::List,
        Method::POST if !named || !target.subresource.is_empty() => Verb::Create,
        Method::PUT if named => Verb::Update,
        Method::PATCH if named => Verb::Patch,
        Method::DELETE if named => Verb::Delete,
        Method::DELETE => Verb::DeleteCollection,
        _ => return None,
    })
}

fn not_allowed(target: &Target) -> Status {
    let mut status = Status::new(Reason::MethodNotAllowed, "the server does not allow this method on the requested resource");
    status.details = serde_json::json!({ "group": target.resource.group, "kind": target.resource.resource });
    status
}
