//! The AWS endpoint's face to the network: every service on one port.

use aws_service::Endpoint;
use aws_wire::HttpRequest;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{Request, Response};
use serve::{Body, BodyError, Handler, Peer, RequestBody, full, read_body};
use std::sync::Arc;

pub struct AwsHandler(pub Arc<Endpoint>);

#[async_trait::async_trait]
impl Handler for AwsHandler {
    async fn handle(&self, peer: &Peer, request: Request<RequestBody>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = match read_body(body, self.0.max_body_bytes() + 1).await {
            Ok(body) => body,
            // One byte too many is refused by the endpoint, in the service's own words; a flood is cut off here.
            Err(BodyError::TooLarge) => return plain(413, "request body too large"),
            Err(BodyError::Broken(_)) => return plain(400, "request body could not be read"),
        };
        let mut http = HttpRequest::new(parts.method, parts.uri.path());
        http.query = parts.uri.query().unwrap_or_default().to_owned();
        http.headers = parts.headers;
        http.body = body;
        if let (None, Some(authority)) = (http.headers.get(HOST), parts.uri.authority())
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            http.headers.insert(HOST, host);
        }
        let reply = self.0.handle(http, aws_service::Peer { address: None, tls: peer.tls }).await;
        let mut response = Response::new(full(reply.body));
        // Codes come from the services' models: always valid.
        *response.status_mut() = http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = reply.headers;
        response
    }
}

fn plain(code: u16, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::BAD_REQUEST); // constants: always valid
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
