//! An AWS client: requests by the service's model, signed, over TLS.

use super::http::{Outcome, host_of, send};
use aws_wire::sigv4::{Credentials, Scope, presign, sign};
use aws_wire::{AwsError, HttpReply, HttpRequest, Model, decode_output, encode_request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use meta::{Doc, Time};

/// Who calls which endpoint, and what their clock says.
#[derive(Clone)]
pub struct Aws {
    pub endpoint: String,
    pub authority: String,
    pub region: String,
    pub credentials: Credentials,
    pub time: Time,
}

impl Aws {
    pub async fn call(&self, service: &str, operation: &str, input: Doc) -> Result<Doc, AwsError> {
        self.try_call(service, operation, input).await.expect("the endpoint answers")
    }

    /// As [`Aws::call`], for endpoints that may go away in the middle.
    pub async fn try_call(&self, service: &str, operation: &str, input: Doc) -> Outcome<Result<Doc, AwsError>> {
        let model = Model::load(service).expect("a built-in model");
        let op = model.operation(operation).expect("a modelled operation");
        let mut request = encode_request(model, op, &input);
        self.sign(&mut request, model.signing_name());
        Ok(decode_output(model, op, &self.send(&request).await?))
    }

    /// The output of a call that is to succeed.
    pub async fn ok(&self, service: &str, operation: &str, input: Doc) -> Doc {
        let shown = input.to_string();
        self.call(service, operation, input).await.unwrap_or_else(|error| panic!("{operation} {shown}: {error}"))
    }

    /// `status code` of a call that is to fail.
    pub async fn refusal(&self, service: &str, operation: &str, input: Doc) -> String {
        let shown = input.to_string();
        match self.call(service, operation, input).await {
            Ok(output) => panic!("{operation} {shown} was not refused: {output}"),
            Err(error) => format!("{} {}", error.status, error.code),
        }
    }

    pub fn sign(&self, request: &mut HttpRequest, signing_name: &str) {
        request.set_header("host", host_of(&self.endpoint));
        sign(request, &self.credentials, self.scope(signing_name));
    }

    pub async fn send(&self, request: &HttpRequest) -> Outcome<HttpReply> {
        send(&self.endpoint, &self.authority, request).await
    }

    fn scope<'a>(&'a self, service: &'a str) -> Scope<'a> {
        Scope { region: &self.region, service, time: self.time.0 }
    }

    /// GetCallerIdentity as a URL's query, with further headers signed.
    pub fn presigned_identity(&self, host: &str, header: Option<(&'static str, &str)>, expires: u32) -> HttpRequest {
        let mut request = HttpRequest::new(Method::GET, "/");
        request.query = "Action=GetCallerIdentity&Version=2011-06-15".into();
        request.set_header("host", host);
        header.into_iter().for_each(|(name, value)| request.set_header(name, value));
        presign(&mut request, &self.credentials, self.scope("sts"), expires);
        request
    }

    /// What `aws eks get-token` prints.
    pub fn cluster_token(&self, cluster: &str) -> String {
        self.token_naming(cluster, &format!("sts.{}.amazonaws.com", self.region))
    }

    pub fn token_naming(&self, cluster: &str, host: &str) -> String {
        let request = self.presigned_identity(host, Some((aws_wire::token::CLUSTER_HEADER, cluster)), 60);
        format!("{}{}", aws_wire::token::PREFIX, URL_SAFE_NO_PAD.encode(format!("https://{host}/?{}", request.query)))
    }
}
