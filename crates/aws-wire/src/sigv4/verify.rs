//! Checking a signature against the secret.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;

use super::canonical::{Canonical, UNSIGNED_PAYLOAD, sha256_hex};
use super::sign::signature;
use super::{AuthError, Scope, Signed, print_time};
use crate::http::HttpRequest;

/// How far two clocks may differ.
const SKEW_SECONDS: i64 = 5 * 60;
/// How long a presigned URL of any service but S3 is good, whatever its `X-Amz-Expires` says: `aws eks get-token` states 60
/// seconds and counts on fourteen minutes (aws-iam-authenticator pkg/token/token.go).
const PRESIGNED_SECONDS: i64 = 15 * 60;

impl Signed {
    /// Whether `secret` made this signature over `request`, and recently.
    pub fn verify(&self, request: &HttpRequest, secret: &str, now: Timestamp) -> Result<(), AuthError> {
        self.verify_for_host(request, secret, now, None)
    }

    /// [`Signed::verify`] with another host than the `host` header's: a token made for `sts.us-east-1.amazonaws.com` is
    /// handed on to wherever STS is.
    pub fn verify_for_host(
        &self,
        request: &HttpRequest,
        secret: &str,
        now: Timestamp,
        host: Option<&str>,
    ) -> Result<(), AuthError> {
        self.check_scope()?;
        self.check_signed_headers(request)?;
        let payload_hash = self.payload_hash(request)?;
        let signed_headers = &self.signed_headers;
        let canonical = Canonical { request, service: &self.service, signed_headers, host, payload_hash: &payload_hash };
        let scope = Scope { region: &self.region, service: &self.service, time: self.time };
        let expected = signature(secret, &print_time(self.time), &self.date, scope, &canonical.text());
        verify_slices_are_equal(expected.as_bytes(), self.signature.as_bytes()).map_err(|_| AuthError::Mismatch)?;
        self.check_time(now)
    }

    fn check_scope(&self) -> Result<(), AuthError> {
        let day = self.time.strftime("%Y%m%d").to_string();
        if self.date == day {
            return Ok(());
        }
        let text = format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', from '{}'.",
            self.date,
            print_time(self.time)
        );
        Err(AuthError::Outdated(text))
    }

    /// The host and AWS's own headers change what a request means, so they must be under the signature.
    fn check_signed_headers(&self, request: &HttpRequest) -> Result<(), AuthError> {
        let signed = |name: &str| self.signed_headers.iter().any(|header| header == name);
        if !signed("host") && !signed(":authority") {
            let text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(AuthError::Outdated(text.to_owned()));
        }
        let sorted = self.signed_headers.is_sorted_by(|a, b| a < b);
        let loose = request.headers.keys().map(|name| name.as_str()).find(|name| name.starts_with("x-amz-") && !signed(name));
        match loose {
            Some(name) => Err(AuthError::Outdated(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
            None if !sorted => Err(AuthError::Mismatch),
            None => Ok(()),
        }
    }

    /// The stated hash must be the body's own, unless the client signed that there is none.
    fn payload_hash(&self, request: &HttpRequest) -> Result<String, AuthError> {
        match request.header("x-amz-content-sha256") {
            Some(UNSIGNED_PAYLOAD) => Ok(UNSIGNED_PAYLOAD.to_owned()),
            Some(stated) if !stated.eq_ignore_ascii_case(&sha256_hex(&request.body)) => Err(AuthError::Mismatch),
            Some(stated) => Ok(stated.to_owned()),
            None if self.presigned && self.service == "s3" => Ok(UNSIGNED_PAYLOAD.to_owned()),
            None => Ok(sha256_hex(&request.body)),
        }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), AuthError> {
        let age = now.as_second() - self.time.as_second();
        let life = match (self.presigned, self.service.as_str()) {
            (true, "s3") => self.expires.unwrap_or(0),
            (true, _) => PRESIGNED_SECONDS,
            (false, _) => SKEW_SECONDS,
        };
        let (own, here) = (print_time(self.time), print_time(now));
        if age < -SKEW_SECONDS {
            let bound = print_time(shift(now, SKEW_SECONDS));
            return Err(AuthError::Outdated(format!(
                "Signature not yet current: {own} is still later than {bound} ({here} + 5 min.)"
            )));
        }
        match (age > life, self.presigned) {
            (false, _) => Ok(()),
            (true, true) if self.service == "s3" => Err(AuthError::RequestExpired),
            (true, _) => {
                let bound = print_time(shift(now, -life));
                Err(AuthError::Outdated(format!(
                    "Signature expired: {own} is now earlier than {bound} ({here} - {} min.)",
                    life / 60
                )))
            }
        }
    }
}

fn shift(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(time.as_second().saturating_add(seconds)).unwrap_or(time)
}
