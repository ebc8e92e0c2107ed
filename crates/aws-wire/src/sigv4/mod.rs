//! Signature Version 4: reading, verifying and making signatures, in headers and in presigned URLs.

mod canonical;
mod failure;
mod read;
mod sign;
mod verify;

pub use failure::AuthError;
pub use read::parse;
pub use sign::{Credentials, Scope, presign, sign};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A signature as the client states it. Nothing here is proven until [`Signed::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub access_key_id: String,
    /// The scope's day, `20150830`.
    pub date: String,
    pub region: String,
    /// The signing name.
    pub service: String,
    /// `X-Amz-Date`, or `Date` in its place.
    pub time: Timestamp,
    /// In lower case, in the order given.
    pub signed_headers: Vec<String>,
    pub signature: String,
    pub security_token: Option<String>,
    /// `X-Amz-Expires` in seconds; presigned URLs only.
    pub expires: Option<i64>,
    pub presigned: bool,
}

/// `20150830T123600Z`.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let digits =
        text.len() == 16 && text.bytes().enumerate().all(|(i, b)| matches!((i, b), (8, b'T') | (15, b'Z')) || b.is_ascii_digit());
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok().filter(|_| digits)?;
    Offset::UTC.to_timestamp(civil).ok()
}

pub(crate) fn print_time(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}
