//! What stands in the files of a pod's volumes, gathered from its sources.

use super::atomic::{Entry, Payload};
use super::sources::{Sources, Watched};
use super::tokens::Tokens;
use crate::config::Config;
use crate::environment::{CONFIG_MAPS, SECRETS, data};
use crate::fields;
use crate::parts::EnvFacts;
use crate::pod::{PodView, items};
use client::Resource;
use meta::Doc;
use std::sync::Arc;

const DEFAULT_MODE: u32 = 0o644;
const DEFAULT_TOKEN_SECONDS: i64 = 3600;

/// What content may come from.
pub struct Origins<'a> {
    pub config: &'a Config,
    pub sources: &'a Sources,
    pub tokens: &'a Tokens,
}

/// A volume's files, and what must be followed for as long as they are used.
#[derive(Default)]
pub struct Content {
    pub payload: Payload,
    pub followed: Vec<Arc<Watched>>,
}

/// None: this kind of volume has no files of its own.
pub async fn of(origins: &Origins<'_>, pod: &PodView, volume: &Doc) -> Result<Option<Content>, String> {
    let mut content = Content::default();
    if volume["configMap"].is_object() {
        keys(origins, pod, &volume["configMap"], Kind::ConfigMap, mode(&volume["configMap"]["defaultMode"]), &mut content)
            .await?;
    } else if volume["secret"].is_object() {
        let mut source = volume["secret"].clone();
        source["name"] = source["secretName"].clone();
        keys(origins, pod, &source, Kind::Secret, mode(&source["defaultMode"]), &mut content).await?;
    } else if volume["downwardAPI"].is_object() {
        downward(origins, pod, &volume["downwardAPI"], mode(&volume["downwardAPI"]["defaultMode"]), &mut content)?;
    } else if volume["projected"].is_object() {
        let projected = &volume["projected"];
        let default = mode(&projected["defaultMode"]);
        for source in items(&projected["sources"]) {
            if source["configMap"].is_object() {
                keys(origins, pod, &source["configMap"], Kind::ConfigMap, default, &mut content).await?;
            } else if source["secret"].is_object() {
                keys(origins, pod, &source["secret"], Kind::Secret, default, &mut content).await?;
            } else if source["downwardAPI"].is_object() {
                downward(origins, pod, &source["downwardAPI"], default, &mut content)?;
            } else if source["serviceAccountToken"].is_object() {
                token(origins, pod, &source["serviceAccountToken"], default, &mut content).await?;
            } else {
                return Err("a projected source of this kind is not supported".into());
            }
        }
    } else {
        return Ok(None);
    }
    Ok(Some(content))
}

fn mode(doc: &Doc) -> u32 {
    doc.as_u64().and_then(|mode| u32::try_from(mode).ok()).unwrap_or(DEFAULT_MODE)
}

fn mode_or(doc: &Doc, default: u32) -> u32 {
    doc.as_u64().and_then(|mode| u32::try_from(mode).ok()).unwrap_or(default)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    fn resource(self) -> Resource {
        match self {
            Self::ConfigMap => CONFIG_MAPS,
            Self::Secret => SECRETS,
        }
    }
    fn word(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        }
    }
}

async fn keys(
    origins: &Origins<'_>,
    pod: &PodView,
    source: &Doc,
    kind: Kind,
    default: u32,
    content: &mut Content,
) -> Result<(), String> {
    let name = source["name"].as_str().unwrap_or_default();
    let optional = source["optional"] == true;
    let watched = origins.sources.follow(kind.resource(), pod.namespace(), name)?;
    let object = watched.get().await.map_err(|status| status.to_string())?;
    content.followed.push(watched);
    let Some(object) = object else {
        return if optional { Ok(()) } else { Err(format!("{} {name:?} not found", kind.word())) };
    };
    let mut values = data(&object);
    let chosen = items(&source["items"]);
    if chosen.is_empty() {
        let all = values.into_iter().map(|(key, bytes)| (key, Entry { bytes, mode: default }));
        content.payload.extend(all);
        return Ok(());
    }
    for item in chosen {
        let (key, path) = (item["key"].as_str().unwrap_or_default(), item["path"].as_str().unwrap_or_default());
        match values.remove(key) {
            Some(bytes) => drop(content.payload.insert(path.into(), Entry { bytes, mode: mode_or(&item["mode"], default) })),
            None if optional => {}
            None => {
                return Err(format!(
                    "{} references non-existent {} key: {key}",
                    kind.word(),
                    if kind == Kind::Secret { "secret" } else { "config" }
                ));
            }
        }
    }
    Ok(())
}

fn downward(origins: &Origins<'_>, pod: &PodView, source: &Doc, default: u32, content: &mut Content) -> Result<(), String> {
    for item in items(&source["items"]) {
        let path = item["path"].as_str().unwrap_or_default().to_owned();
        let text = if let Some(field) = item["fieldRef"]["fieldPath"].as_str() {
            fields::field(pod, &EnvFacts::default(), field)?
        } else {
            let selector = &item["resourceFieldRef"];
            let name = selector["containerName"].as_str().unwrap_or_default();
            let container = pod.container(name).ok_or_else(|| format!("container {name} not found"))?;
            fields::resource(origins.config, container, selector)?
        };
        content.payload.insert(path, Entry { bytes: text.into_bytes(), mode: mode_or(&item["mode"], default) });
    }
    Ok(())
}

async fn token(origins: &Origins<'_>, pod: &PodView, source: &Doc, default: u32, content: &mut Content) -> Result<(), String> {
    let audience = source["audience"].as_str().unwrap_or_default();
    let seconds = source["expirationSeconds"].as_i64().unwrap_or(DEFAULT_TOKEN_SECONDS);
    let token = origins.tokens.get(pod, audience, seconds).await?;
    // With a group of the pod's own, others need not read it (pkg/volume/projected).
    let mode = if pod.fs_group().is_some() { 0o600 } else { default };
    let path = source["path"].as_str().unwrap_or("token").to_owned();
    content.payload.insert(path, Entry { bytes: token.into_bytes(), mode });
    Ok(())
}
