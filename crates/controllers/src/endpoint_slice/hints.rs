//! Which zone or node an endpoint is meant for (k8s.io/endpointslice `trafficdist/trafficdist.go`).

use super::fit::Fitted;
use super::slice::Slice;
use meta::Doc;
use serde_json::json;

/// Gives every slice the hints that the Service asks for; slices that have others are changed for it.
pub(super) fn apply(fitted: &mut Fitted, distribution: Option<&str>) {
    for slice in fitted.changed.iter_mut().chain(&mut fitted.created) {
        hint(slice, distribution);
    }
    let (mut unchanged, mut changed) = (Vec::new(), Vec::new());
    for mut slice in fitted.unchanged.drain(..) {
        if hint(&mut slice, distribution) { changed.push(slice) } else { unchanged.push(slice) }
    }
    fitted.unchanged = unchanged;
    fitted.changed.append(&mut changed);
}

/// True if anything changed.
fn hint(slice: &mut Slice, distribution: Option<&str>) -> bool {
    let mut changed = false;
    for endpoint in slice.doc["endpoints"].as_array_mut().into_iter().flatten() {
        let wanted = match distribution {
            Some("PreferClose" | "PreferSameZone") => hints(endpoint, false),
            Some("PreferSameNode") => hints(endpoint, true),
            _ => Some(Doc::Null),
        };
        let Some(wanted) = wanted.filter(|wanted| endpoint["hints"] != *wanted) else { continue };
        changed = true;
        match (endpoint.as_object_mut(), wanted) {
            (Some(map), Doc::Null) => drop(map.remove("hints")),
            (_, wanted) => endpoint["hints"] = wanted,
        }
    }
    changed
}

/// None: what is not ready is left as it is.
fn hints(endpoint: &Doc, by_node: bool) -> Option<Doc> {
    if endpoint["conditions"]["ready"] != true {
        return None;
    }
    let mut hints = serde_json::Map::new();
    if let Some(zone) = endpoint["zone"].as_str() {
        hints.insert("forZones".into(), json!([{ "name": zone }]));
    }
    if let Some(node) = endpoint["nodeName"].as_str().filter(|_| by_node) {
        hints.insert("forNodes".into(), json!([{ "name": node }]));
    }
    Some(if hints.is_empty() { Doc::Null } else { Doc::Object(hints) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_follow_the_services_wish() {
        let zone = json!({"forZones": [{"name": "z"}]});
        let both = json!({"forZones": [{"name": "z"}], "forNodes": [{"name": "n"}]});
        let at = |ready: bool, hints: &Doc| json!({"conditions": {"ready": ready}, "zone": "z", "nodeName": "n", "hints": hints});
        for (endpoint, distribution, hints, changed) in [
            (at(true, &Doc::Null), Some("PreferSameZone"), &zone, true),
            (at(true, &zone), Some("PreferClose"), &zone, false),
            (at(true, &zone), Some("PreferSameNode"), &both, true),
            (at(true, &both), None, &Doc::Null, true),
            (at(true, &zone), Some("Unheard"), &Doc::Null, true),
            (at(false, &Doc::Null), Some("PreferSameZone"), &Doc::Null, false),
            (json!({"conditions": {"ready": true}}), Some("PreferSameZone"), &Doc::Null, false),
        ] {
            let mut slice = Slice { name: "a".into(), doc: json!({ "endpoints": [endpoint] }) };
            assert_eq!(hint(&mut slice, distribution), changed, "{endpoint} {distribution:?}");
            assert_eq!(slice.doc["endpoints"][0]["hints"], *hints, "{endpoint} {distribution:?}");
        }
    }
}
