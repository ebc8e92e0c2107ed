//! Reading the goldens.

#![allow(dead_code, reason = "each test binary reads some of the goldens")]

pub mod sample;

use aws_wire::HttpRequest;
use http::{HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::Value;

pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// When every golden was signed: 2015-08-30T12:36:00Z.
pub const SIGNED_AT: i64 = 1_440_938_160;

#[derive(Deserialize)]
pub struct Recorded {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Deserialize)]
pub struct Call {
    pub service: String,
    pub operation: String,
    pub input: Value,
    pub request: Recorded,
}

#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub request: Recorded,
}

pub fn read<T: serde::de::DeserializeOwned>(name: &str) -> Vec<T> {
    let path = format!("{}/tests/goldens/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

impl Recorded {
    pub fn request(&self) -> HttpRequest {
        let mut request = HttpRequest::new(Method::from_bytes(self.method.as_bytes()).expect("a method"), self.path.as_str());
        request.query = self.query.clone();
        request.body = self.body.clone().into();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            request.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        request
    }
}
