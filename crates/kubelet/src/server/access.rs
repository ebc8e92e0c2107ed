//! Who asks, and whether they may.

use super::KubeletServer;
use super::reply::Failure;
use super::route::subresources;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use meta::User;
use meta::status::Result;
use serve::Peer;

/// Decides about callers. Certificates of the cluster's authority need no asking.
#[async_trait::async_trait]
pub trait KubeletAuth: Send + Sync + 'static {
    /// Whose token it is; None: nobody's.
    async fn authenticate(&self, token: &str) -> Result<Option<User>>;
    /// Whether `user` may `verb` on this node's `subresource`.
    async fn authorize(&self, user: &User, verb: &str, subresource: &str) -> Result<bool>;
}

impl KubeletServer {
    pub(super) async fn admit<B>(&self, peer: &Peer, request: &Request<B>) -> Result<(), Failure> {
        let user = self.user(peer, request).await?.ok_or_else(|| Failure::new(401, "Unauthorized"))?;
        let verb = match *request.method() {
            Method::POST => "create",
            Method::GET => "get",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "",
        };
        let wanted = subresources(request.uri().path());
        for subresource in &wanted {
            if self.parts.auth.authorize(&user, verb, subresource).await.map_err(Failure::internal)? {
                return Ok(());
            }
        }
        let wanted = wanted.join(" ");
        let refused = format!("Forbidden (user={}, verb={verb}, resource=nodes, subresource(s)=[{wanted}])\n", user.name);
        Err(Failure::new(403, refused))
    }

    async fn user<B>(&self, peer: &Peer, request: &Request<B>) -> Result<Option<User>, Failure> {
        if let Some(der) = &peer.certificate
            && let Ok(Some(user)) = auth::pki::from_peer_certificate(der)
        {
            return Ok(Some(user));
        }
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
                self.parts.auth.authenticate(token.trim()).await.map_err(Failure::internal)
            }
            _ => Ok(None),
        }
    }
}
