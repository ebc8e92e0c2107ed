//! Environment variables of a container (kubernetes pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables).

use crate::config::Config;
use crate::fields;
use crate::parts::{EnvError, EnvFacts, Environment};
use crate::pod::{ContainerView, PodView, items};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::{Client, Options, Resource};
use meta::{Doc, Object};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const CONFIG_MAPS: Resource = Resource::new("", "v1", "configmaps");
pub const SECRETS: Resource = Resource::new("", "v1", "secrets");
const SERVICES: Resource = Resource::new("", "v1", "services");
/// Whose Service `kubernetes` every pod is told of.
const MASTER_NAMESPACE: &str = "default";
const MASTER: &str = "kubernetes";

pub struct ApiEnvironment {
    config: Config,
    client: Client,
}

impl ApiEnvironment {
    pub fn new(config: &Config, client: Client) -> Self {
        Self { config: config.clone(), client }
    }

    /// None: there is none, and that is allowed.
    async fn source(
        &self,
        resource: Resource,
        kind: &str,
        pod: &PodView,
        reference: &Doc,
    ) -> Result<Option<Arc<Object>>, EnvError> {
        let name = reference["name"].as_str().unwrap_or_default();
        let found = self.client.find(resource, pod.namespace(), name).await.map_err(|status| EnvError(status.to_string()))?;
        match found {
            None if reference["optional"] != true => Err(EnvError(format!("{kind} {name:?} not found"))),
            found => Ok(found),
        }
    }

    async fn value(
        &self,
        pod: &PodView,
        container: ContainerView<'_>,
        facts: &EnvFacts,
        from: &Doc,
    ) -> Result<Option<String>, EnvError> {
        if let Some(path) = from["fieldRef"]["fieldPath"].as_str() {
            return fields::field(pod, facts, path).map(Some).map_err(EnvError);
        }
        if from["resourceFieldRef"].is_object() {
            let selector = &from["resourceFieldRef"];
            let of = selector["containerName"].as_str().filter(|name| !name.is_empty());
            let container = of.and_then(|name| pod.container(name)).unwrap_or(container);
            return fields::resource(&self.config, container, selector).map(Some).map_err(EnvError);
        }
        for (field, resource, kind, shown) in
            [("configMapKeyRef", CONFIG_MAPS, "configmap", "ConfigMap"), ("secretKeyRef", SECRETS, "secret", "Secret")]
        {
            let reference = &from[field];
            if !reference.is_object() {
                continue;
            }
            let Some(object) = self.source(resource, kind, pod, reference).await? else { return Ok(None) };
            let key = reference["key"].as_str().unwrap_or_default();
            let name = reference["name"].as_str().unwrap_or_default();
            return match data(&object).remove(key) {
                Some(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
                None if reference["optional"] == true => Ok(None),
                None => Err(EnvError(format!("couldn't find key {key} in {shown} {}/{name}", pod.namespace()))),
            };
        }
        Err(EnvError("the source of an environment variable is not supported".into()))
    }

    /// Of every Service of the namespace, and of `kubernetes` always.
    async fn services(&self, pod: &PodView) -> Result<BTreeMap<String, String>, EnvError> {
        let failed = |status: meta::Status| EnvError(status.to_string());
        let mut services = Vec::new();
        if pod.spec()["enableServiceLinks"] != false {
            let listed = self.client.list(SERVICES, pod.namespace(), Options::default()).await.map_err(failed)?;
            services.extend(listed.items);
        }
        let master = self.client.find(SERVICES, MASTER_NAMESPACE, MASTER).await.map_err(failed)?;
        services.extend(master);
        let mut out = BTreeMap::new();
        services.iter().for_each(|service| variables_of(&service.to_doc(), &mut out));
        Ok(out)
    }
}

/// The bytes of a ConfigMap's or a Secret's keys.
pub fn data(object: &Object) -> BTreeMap<String, Vec<u8>> {
    let doc = object.to_doc();
    let secret = doc["kind"] == "Secret" || doc["type"].is_string();
    let texts = doc["data"].as_object().into_iter().flatten().filter_map(|(key, value)| {
        let text = value.as_str()?;
        // The API server refuses what is no base64.
        let bytes = if secret { STANDARD.decode(text).unwrap_or_default() } else { text.as_bytes().to_vec() };
        Some((key.clone(), bytes))
    });
    let mut out: BTreeMap<String, Vec<u8>> = texts.collect();
    let binary = doc["binaryData"].as_object().into_iter().flatten();
    out.extend(binary.filter_map(|(key, value)| Some((key.clone(), STANDARD.decode(value.as_str()?).ok()?))));
    out
}

/// `REDIS_SERVICE_HOST`, `REDIS_PORT_6379_TCP_ADDR` and so on (pkg/kubelet/envvars/envvars.go).
fn variables_of(service: &Doc, out: &mut BTreeMap<String, String>) {
    let ip = service["spec"]["clusterIP"].as_str().unwrap_or_default();
    let ports = items(&service["spec"]["ports"]);
    if ip.is_empty() || ip == "None" || ports.is_empty() {
        return;
    }
    let upper = |text: &str| text.to_uppercase().replace('-', "_");
    let prefix = upper(service["metadata"]["name"].as_str().unwrap_or_default());
    let number = |port: &Doc| port["port"].as_u64().unwrap_or_default();
    out.insert(format!("{prefix}_SERVICE_HOST"), ip.to_owned());
    out.insert(format!("{prefix}_SERVICE_PORT"), number(&ports[0]).to_string());
    for port in ports.iter().filter(|port| port["name"].as_str().is_some_and(|name| !name.is_empty())) {
        out.insert(
            format!("{prefix}_SERVICE_PORT_{}", upper(port["name"].as_str().unwrap_or_default())),
            number(port).to_string(),
        );
    }
    for (index, port) in ports.iter().enumerate() {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let url = format!("{}://{ip}:{}", protocol.to_lowercase(), number(port));
        if index == 0 {
            out.insert(format!("{prefix}_PORT"), url.clone());
        }
        let own = format!("{prefix}_PORT_{}_{}", number(port), protocol.to_uppercase());
        out.insert(own.clone(), url);
        out.insert(format!("{own}_PROTO"), protocol.to_lowercase());
        out.insert(format!("{own}_PORT"), number(port).to_string());
        out.insert(format!("{own}_ADDR"), ip.to_owned());
    }
}

/// `$(NAME)` with what is known, `$$` as `$` (third_party/forked/golang/expansion).
pub fn expand(text: &str, known: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match known(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

#[async_trait::async_trait]
impl Environment for ApiEnvironment {
    async fn build(
        &self,
        pod: &PodView,
        container: ContainerView<'_>,
        facts: &EnvFacts,
    ) -> Result<Vec<(String, String)>, EnvError> {
        let services = self.services(pod).await?;
        let mut out = Variables::default();
        for from in items(&container.doc()["envFrom"]) {
            let prefix = from["prefix"].as_str().unwrap_or_default();
            for (field, resource, kind) in [("configMapRef", CONFIG_MAPS, "configmap"), ("secretRef", SECRETS, "secret")] {
                if !from[field].is_object() {
                    continue;
                }
                let object = self.source(resource, kind, pod, &from[field]).await?;
                for (key, value) in object.map(|object| data(&object)).unwrap_or_default() {
                    out.set(format!("{prefix}{key}"), String::from_utf8_lossy(&value).into_owned());
                }
            }
        }
        for variable in items(&container.doc()["env"]) {
            let name = variable["name"].as_str().unwrap_or_default().to_owned();
            if variable["valueFrom"].is_object() {
                if let Some(value) = self.value(pod, container, facts, &variable["valueFrom"]).await? {
                    out.set(name, value);
                }
                continue;
            }
            let text = variable["value"].as_str().unwrap_or_default();
            let value = expand(text, |name| out.get(name).or_else(|| services.get(name).cloned()));
            out.set(name, value);
        }
        for (name, value) in services {
            if out.get(&name).is_none() {
                out.set(name, value);
            }
        }
        Ok(out.0)
    }
}

/// In order; a later value takes an earlier one's place.
#[derive(Default)]
struct Variables(Vec<(String, String)>);

impl Variables {
    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
    fn set(&mut self, name: String, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => self.0.push((name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_expanded() {
        let known = |name: &str| (name == "A").then(|| "1".to_owned());
        for (text, expected) in
            [("x$(A)y", "x1y"), ("$(B)", "$(B)"), ("$$(A)", "$(A)"), ("$A $", "$A $"), ("$(A", "$(A"), ("$$$$", "$$")]
        {
            assert_eq!(expand(text, known), expected, "{text}");
        }
    }

    #[test]
    fn services_become_variables() {
        let mut out = BTreeMap::new();
        let service = json!({"metadata": {"name": "my-db"}, "spec": {"clusterIP": "10.0.0.9", "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}]}});
        variables_of(&service, &mut out);
        variables_of(&json!({"metadata": {"name": "headless"}, "spec": {"clusterIP": "None", "ports": [{"port": 1}]}}), &mut out);
        let text: Vec<String> = out.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            text,
            [
                "MY_DB_PORT=tcp://10.0.0.9:5432",
                "MY_DB_PORT_5432_TCP=tcp://10.0.0.9:5432",
                "MY_DB_PORT_5432_TCP_ADDR=10.0.0.9",
                "MY_DB_PORT_5432_TCP_PORT=5432",
                "MY_DB_PORT_5432_TCP_PROTO=tcp",
                "MY_DB_SERVICE_HOST=10.0.0.9",
                "MY_DB_SERVICE_PORT=5432",
                "MY_DB_SERVICE_PORT_SQL=5432",
            ]
        );
    }
}
