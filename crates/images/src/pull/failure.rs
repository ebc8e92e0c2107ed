//! Why a pull fails, in containerd's words: they stand in pods' events, and people search the web for them.

use crate::service::PullError;
use oci_client::errors::{OciDistributionError, OciErrorCode};
use std::error::Error;
use std::io;

/// A registry may say much; an event holds 1024 bytes.
const MAX_SAID: usize = 300;

#[derive(Debug)]
pub enum Failure {
    NotFound,
    Denied(String),
    /// The registry cannot be reached, or does not work.
    Unreachable(String),
    TimedOut,
    /// It came, but not as it was announced.
    Broken(String),
    /// It came as announced, and is nothing that runs here.
    Unusable(String),
    Disk(io::Error),
}

impl Failure {
    pub fn disk(error: io::Error) -> Self {
        Self::Disk(error)
    }

    /// A blob that the registry does not begin to send.
    pub fn blob(error: OciDistributionError) -> Self {
        match Self::from(error) {
            Self::Unreachable(why) => Self::Broken(format!("failed to copy: httpReadSeeker: failed open: {why}")),
            Self::NotFound => Self::Broken("failed to copy: httpReadSeeker: failed open: content not found".into()),
            other => other,
        }
    }

    /// What ended the body of an answer.
    pub fn body(error: io::Error) -> Self {
        Self::Broken(format!("failed to copy: {}", said(&causes(&error))))
    }

    /// The failure of pulling `image`.
    pub fn of(self, image: &str) -> PullError {
        let resolving = |why: String| format!("failed to resolve reference \"{image}\": {why}");
        let refused = |why| PullError::Refused { image: image.into(), why };
        let unreachable = |why| PullError::Unreachable { image: image.into(), why };
        match self {
            Self::NotFound => refused(resolving(format!("{image}: not found"))),
            Self::Denied(why) => refused(resolving(why)),
            Self::Unreachable(why) => unreachable(resolving(why)),
            Self::TimedOut => unreachable(resolving("failed to do request: context deadline exceeded".into())),
            Self::Broken(why) => unreachable(why),
            Self::Unusable(why) => refused(why),
            Self::Disk(error) => PullError::io(format!("failed to pull and unpack image \"{image}\""), &error),
        }
    }
}

impl From<OciDistributionError> for Failure {
    fn from(error: OciDistributionError) -> Self {
        let denied = |why: &str| {
            Self::Denied(format!("pull access denied, repository does not exist or may require authorization: {}", said(why)))
        };
        match error {
            OciDistributionError::ImageManifestNotFoundError(_) => Self::NotFound,
            OciDistributionError::RegistryError { envelope, url } => match envelope.errors.first() {
                Some(first) => match first.code {
                    OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound => Self::NotFound,
                    OciErrorCode::BlobUnknown | OciErrorCode::ManifestBlobUnknown => Self::Broken(format!("{url}: not found")),
                    OciErrorCode::Unauthorized | OciErrorCode::Denied => denied(&format!("server message: {}", first.message)),
                    OciErrorCode::Toomanyrequests => Self::Unreachable(format!(
                        "unexpected status from GET request to {url}: 429 Too Many Requests: toomanyrequests: {}",
                        said(&first.message)
                    )),
                    _ => Self::Unreachable(format!("unexpected answer to GET request to {url}: {}", said(&first.message))),
                },
                None => Self::Unreachable(format!("unexpected answer to GET request to {url}")),
            },
            OciDistributionError::UnauthorizedError { .. } => denied("authorization failed: no basic auth credentials"),
            OciDistributionError::ServerError { code: 404, .. } => Self::NotFound,
            OciDistributionError::ServerError { code: 401 | 403, .. } => denied("authorization failed"),
            OciDistributionError::ServerError { code, url, .. } => {
                Self::Unreachable(format!("unexpected status from GET request to {url}: {}", status(code)))
            }
            OciDistributionError::AuthenticationFailure(why) => {
                Self::Denied(format!("failed to authorize: failed to fetch oauth token: {}", said(&why)))
            }
            OciDistributionError::RequestError(error) => {
                let asked = error.url().map_or_else(String::new, |url| format!(" Get \"{url}\":"));
                if error.is_decode() || error.is_body() {
                    return Self::Broken(format!("failed to copy:{asked} {}", said(&causes(&error))));
                }
                let address = error.url().map_or_else(String::new, |url| url.authority().to_owned());
                Self::Unreachable(format!("failed to do request:{asked} {}", dialled(&error, error.is_timeout(), &address)))
            }
            OciDistributionError::DigestError(error) => Self::Broken(format!("failed commit on ref: {error}")),
            other => Self::Unreachable(said(&other.to_string())),
        }
    }
}

fn status(code: u16) -> String {
    http::StatusCode::from_u16(code).map_or_else(|_| code.to_string(), |status| status.to_string())
}

/// As Go's dialer puts it.
fn dialled(error: &(dyn Error + 'static), timeout: bool, address: &str) -> String {
    let mut chain: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = chain {
        match one.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => return format!("dial tcp {address}: connect: connection refused"),
            Some(io::ErrorKind::NetworkUnreachable) => return format!("dial tcp {address}: connect: network is unreachable"),
            Some(io::ErrorKind::HostUnreachable) => return format!("dial tcp {address}: connect: no route to host"),
            _ => {}
        }
        chain = one.source();
    }
    let all = causes(error);
    match () {
        () if all.contains("failed to lookup address") => format!("dial tcp: lookup {address}: no such host"),
        () if timeout => format!("dial tcp {address}: i/o timeout"),
        () => said(&all),
    }
}

/// The innermost cause says most.
fn causes(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut at) = (error.to_string(), error.source());
    while let Some(one) = at {
        text = one.to_string();
        at = one.source();
    }
    text
}

fn said(text: &str) -> String {
    text.trim().chars().take(MAX_SAID).collect()
}
