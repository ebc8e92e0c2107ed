//! Who is calling: client certificates, bound service-account tokens, IAM tokens, else nobody.

mod impersonation;
mod tokens;

pub(crate) use impersonation::impersonate;
pub(crate) use tokens::TokenCache;

use crate::server::ApiServer;
use auth::service_account::Issuer;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use meta::status::Result;
use meta::{Status, User};
use std::sync::Arc;

/// The authenticators of one control plane.
pub(crate) struct Authenticators {
    pub issuer: Arc<Issuer>,
    pub callers: TokenCache,
}

impl ApiServer {
    /// The user behind a request. `certificate` is the verified client certificate of its connection.
    /// No credentials at all make an anonymous user; wrong ones are refused.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap, certificate: Option<&User>) -> Result<Arc<User>> {
        if let Some(user) = certificate {
            return Ok(Arc::new(user.clone()));
        }
        let Some(value) = headers.get(AUTHORIZATION) else { return Ok(Arc::new(User::anonymous())) };
        let value = value.to_str().map_err(|_| Status::unauthorized())?;
        match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
                self.authenticate_token(token.trim(), &[]).await.map(|(user, _)| user).ok_or_else(Status::unauthorized)
            }
            _ => Err(Status::unauthorized()),
        }
    }

    /// The user behind a bearer token, when it is good for one of `audiences` (empty: the API server's own), and those
    /// of them that it is good for.
    pub(crate) async fn authenticate_token(&self, token: &str, audiences: &[String]) -> Option<(Arc<User>, Vec<String>)> {
        if token.starts_with(tokens::IAM_PREFIX) {
            // An IAM identity is no audience's own.
            return self.iam_user(token).await.map(|user| (user, audiences.to_vec()));
        }
        self.service_account_user(token, audiences)
    }
}
