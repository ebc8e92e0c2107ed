//! Where objects live in the store: `/<resource>.<group>/<namespace>/<name>`, the namespace left out for cluster scope.

use api::ResourceDef;
use meta::Gvr;

/// Records that no client sees: allocations and other bookkeeping.
pub const INTERNAL_PREFIX: &str = "/-/";

pub fn prefix(storage: &Gvr) -> String {
    format!("/{}/", storage.group_resource())
}

/// The key inside its resource: `namespace/name` or `name`.
pub fn local(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

pub fn full(def: &ResourceDef, namespace: &str, name: &str) -> String {
    format!("{}{}", prefix(def.storage()), local(namespace, name))
}

/// Splits a full key into the resource's prefix and the local key.
pub fn split(key: &str) -> Option<(&str, &str)> {
    let end = key.strip_prefix('/')?.find('/')? + 2;
    Some(key.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_split_where_they_were_joined() {
        let gvr = Gvr::new("apps", "v1", "deployments");
        let key = format!("{}{}", prefix(&gvr), local("default", "web"));
        assert_eq!(split(&key), Some(("/deployments.apps/", "default/web")));
        assert_eq!(split("/nodes/a"), Some(("/nodes/", "a")));
        assert_eq!(split("nonsense"), None);
    }
}
