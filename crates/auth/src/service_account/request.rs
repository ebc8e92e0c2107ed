//! `TokenRequest` documents (kubernetes `pkg/apis/authentication`).

use meta::{Doc, FieldErrors, Path};

pub const DEFAULT_EXPIRATION_SECONDS: i64 = 3600;
pub const MIN_EXPIRATION_SECONDS: i64 = 600;
/// EKS issues no token for longer than a day.
pub const MAX_EXPIRATION_SECONDS: i64 = 86_400;

pub fn set_defaults(request: &mut Doc) {
    if request["spec"]["expirationSeconds"].is_null() {
        request["spec"]["expirationSeconds"] = DEFAULT_EXPIRATION_SECONDS.into();
    }
}

pub fn validate_token_request(request: &Doc, errors: &mut FieldErrors) {
    let path = Path::new("spec").child("expirationSeconds");
    let seconds = request["spec"]["expirationSeconds"].as_i64().unwrap_or_default();
    if seconds < MIN_EXPIRATION_SECONDS {
        errors.invalid(&path, seconds, "may not specify a duration less than 10 minutes");
    }
    if seconds > 1 << 32 {
        errors.invalid(&path, seconds, "may not specify a duration larger than 2^32 seconds");
    }
}

/// Caps the duration asked for; the text is a warning for the client.
pub fn shorten(seconds: i64) -> (i64, Option<String>) {
    if seconds <= MAX_EXPIRATION_SECONDS {
        return (seconds, None);
    }
    let warning = format!("requested expiration of {seconds} seconds shortened to {MAX_EXPIRATION_SECONDS} seconds");
    (MAX_EXPIRATION_SECONDS, Some(warning))
}
