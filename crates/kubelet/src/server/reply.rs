//! Answers: plain text and JSON. Errors are plain text, as upstream's are.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use meta::Doc;
use serve::{Body, full};

/// A refusal in a few words.
#[derive(Debug)]
pub(super) struct Failure(Box<Response<Body>>);

impl Failure {
    pub fn new(code: u16, message: impl Into<String>) -> Self {
        let mut response = Response::new(full(message.into()));
        // Codes are constants: always valid.
        *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Self(Box::new(response))
    }

    pub fn no_such_page() -> Self {
        Self::new(404, "404: Page Not Found")
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "405: Method Not Allowed")
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self::new(500, error.to_string())
    }

    pub fn into_response(self) -> Response<Body> {
        *self.0
    }
}

impl From<streams::Refused> for Failure {
    fn from(refused: streams::Refused) -> Self {
        Self(Box::new(refused.response(full)))
    }
}

pub(super) fn text(text: impl Into<String>) -> Response<Body> {
    plain(full(text.into()))
}

pub(super) fn plain(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

pub(super) fn json(doc: &Doc) -> Response<Body> {
    let mut response = Response::new(full(doc.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
