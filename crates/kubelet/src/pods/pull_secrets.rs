//! Credentials for registries from a pod's imagePullSecrets (kubernetes pkg/credentialprovider/config.go).

use super::cx::Cx;
use crate::pod::{PodView, items};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::Resource;
use images::Credentials;
use meta::Doc;
use reconcile::EventType::Warning;

const SECRETS: Resource = Resource::new("", "v1", "secrets");

/// Those that may be meant for the image's registry.
pub async fn of_pod(cx: &Cx, pod: &PodView, image: &str) -> Vec<Credentials> {
    let mut all = Vec::new();
    for name in items(&pod.spec()["imagePullSecrets"]).iter().filter_map(|secret| secret["name"].as_str()) {
        match cx.client.get(SECRETS, pod.namespace(), name).await {
            Ok(secret) => all.extend(of_secret(&secret.to_doc(), image)),
            Err(_) => {
                let why = "Unable to retrieve some image pull secrets";
                let message = format!("{why} ({name}); attempting to pull the image may not succeed.");
                cx.events.pod(pod, Warning, "FailedToRetrieveImagePullSecret", message);
            }
        }
    }
    all
}

fn of_secret(secret: &Doc, image: &str) -> Option<Credentials> {
    let decode = |text: &str| STANDARD.decode(text).ok(); // what is no base64 holds no credentials
    let config = secret["data"][".dockerconfigjson"].as_str().and_then(decode)?;
    let config: Doc = serde_json::from_slice(&config).ok()?; // as above
    let registry = registry(image);
    let (_, entry) = config["auths"].as_object()?.iter().find(|(host, _)| host_of(host) == registry)?;
    let text = |field: &str| entry[field].as_str().unwrap_or("").to_owned();
    let (mut username, mut password) = (text("username"), text("password"));
    if let Some(pair) = entry["auth"].as_str().and_then(decode).and_then(|bytes| String::from_utf8(bytes).ok())
        && let Some((user, secret)) = pair.split_once(':')
    {
        (username, password) = (user.to_owned(), secret.to_owned());
    }
    Some(Credentials { username, password, identity_token: text("identitytoken") })
}

fn host_of(entry: &str) -> &str {
    let entry = entry.trim_start_matches("https://").trim_start_matches("http://");
    let host = entry.split('/').next().unwrap_or(entry);
    if host == "index.docker.io" { "docker.io" } else { host }
}

/// `docker.io` where the name has no registry.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn credentials_are_found_by_registry() {
        let config = json!({"auths": {"https://index.docker.io/v1/": {"auth": STANDARD.encode("me:a:b")},
            "r.example:5000": {"username": "u", "password": "p"}}});
        let secret = json!({"data": {".dockerconfigjson": STANDARD.encode(config.to_string())}});
        for (image, expected) in
            [("busybox", Some(("me", "a:b"))), ("r.example:5000/x:1", Some(("u", "p"))), ("other.example/x", None)]
        {
            let found = of_secret(&secret, image);
            let found = found.as_ref().map(|c| (c.username.as_str(), c.password.as_str()));
            assert_eq!(found, expected, "{image}");
        }
    }
}
