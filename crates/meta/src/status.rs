//! Kubernetes' error type. Texts and reasons follow k8s.io/apimachinery `pkg/api/errors`.

use crate::field::FieldErrors;
use crate::group::{GroupKind, GroupResource};
use serde_json::{Value, json};

/// `metav1.StatusReason`; [`Reason::code`] is the HTTP status it travels with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Conflict,
    AlreadyExists,
    Gone,
    Expired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    InternalError,
    ServiceUnavailable,
    Timeout,
    ServerTimeout,
    StorageReadError,
}

impl Reason {
    pub fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::Conflict | Self::AlreadyExists => 409,
            Self::Gone | Self::Expired => 410,
            Self::RequestEntityTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::TooManyRequests => 429,
            Self::InternalError | Self::ServerTimeout | Self::StorageReadError => 500,
            Self::ServiceUnavailable => 503,
            Self::Timeout => 504,
        }
    }
}

/// A failed request, as the client sees it. Success statuses are written by `wire`.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    pub reason: Reason,
    pub message: String,
    /// `status.details`, or null.
    pub details: Value,
    /// `metadata.continue`: where a list that ran into compaction may go on, inconsistently.
    pub continue_token: String,
}

/// What API handlers and clients return.
pub type Result<T, E = Status> = std::result::Result<T, E>;

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Status {}

impl Status {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), details: Value::Null, continue_token: String::new() }
    }

    /// Whether `details.causes` names this reason.
    pub fn has_cause(&self, reason: &str) -> bool {
        self.details["causes"].as_array().into_iter().flatten().any(|cause| cause["reason"] == reason)
    }

    /// What was to be created has a namespace that is going away: there is nothing more to do in it.
    pub fn is_namespace_terminating(&self) -> bool {
        self.has_cause("NamespaceTerminating")
    }

    fn about(reason: Reason, resource: &GroupResource, name: &str, message: String) -> Self {
        let mut details = json!({ "name": name, "group": resource.group, "kind": resource.resource });
        drop_empty(&mut details);
        Self { reason, message, details, continue_token: String::new() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }
    pub fn unauthorized() -> Self {
        Self::new(Reason::Unauthorized, "Unauthorized")
    }
    pub fn internal(error: impl std::fmt::Display) -> Self {
        let mut status = Self::new(Reason::InternalError, format!("Internal error occurred: {error}"));
        status.details = json!({ "causes": [{ "message": error.to_string() }] });
        status
    }
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        Self::about(Reason::NotFound, resource, name, format!("{resource} {name:?} not found"))
    }
    /// The path leads nowhere: no such group, version or resource.
    pub fn no_such_path() -> Self {
        let mut status = Self::new(Reason::NotFound, "the server could not find the requested resource");
        status.details = json!({});
        status
    }
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        Self::about(Reason::AlreadyExists, resource, name, format!("{resource} {name:?} already exists"))
    }
    pub fn conflict(resource: &GroupResource, name: &str, why: impl std::fmt::Display) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::about(Reason::Conflict, resource, name, message)
    }
    /// The optimistic lock failed.
    pub fn modified(resource: &GroupResource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }
    pub fn forbidden(resource: &GroupResource, name: &str, why: impl std::fmt::Display) -> Self {
        let message = match (resource.resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{resource} is forbidden: {why}"),
            (false, false) => format!("{resource} {name:?} is forbidden: {why}"),
        };
        Self::about(Reason::Forbidden, resource, name, message)
    }
    pub fn method_not_supported(resource: &GroupResource, action: &str) -> Self {
        let message = format!("{action} is not supported on resources of kind {:?}", resource.to_string());
        Self::about(Reason::MethodNotAllowed, resource, "", message)
    }
    /// 422 with one cause per field error.
    pub fn invalid(kind: &GroupKind, name: &str, errors: &FieldErrors) -> Self {
        let mut details = json!({ "name": name, "group": kind.group, "kind": kind.kind, "causes": errors.causes() });
        drop_empty(&mut details);
        let message = format!("{kind} {name:?} is invalid: {}", errors.aggregate());
        Self { reason: Reason::Invalid, message, details, continue_token: String::new() }
    }
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(Reason::Expired, message)
    }
    pub fn not_acceptable(offered: &str) -> Self {
        Self::new(Reason::NotAcceptable, format!("only the following media types are accepted: {offered}"))
    }
    pub fn unsupported_media_type(offered: &str) -> Self {
        Self::new(
            Reason::UnsupportedMediaType,
            format!("the body of the request was in an unknown format - accepted media types include: {offered}"),
        )
    }
    pub fn too_large(limit: usize) -> Self {
        Self::new(Reason::RequestEntityTooLarge, format!("Request entity too large: limit is {limit}"))
    }
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        let mut status = Self::new(Reason::TooManyRequests, message);
        status.details = json!({ "retryAfterSeconds": retry_after_seconds });
        status
    }

    pub fn with_causes(mut self, causes: Value) -> Self {
        if !self.details.is_object() {
            self.details = json!({});
        }
        self.details["causes"] = causes;
        self
    }

    pub fn code(&self) -> u16 {
        self.reason.code()
    }

    /// The `v1 Status` document.
    pub fn to_value(&self) -> Value {
        let mut doc = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": format!("{:?}", self.reason), "code": self.code(),
        });
        if !self.continue_token.is_empty() {
            doc["metadata"]["continue"] = Value::String(self.continue_token.clone());
        }
        if !self.details.is_null() {
            doc["details"] = self.details.clone();
        }
        doc
    }
}

fn drop_empty(details: &mut Value) {
    if let Some(map) = details.as_object_mut() {
        map.retain(|_, v| v.as_str() != Some(""));
    }
}
