//! Every kind over HTTP: its discovery entry, its table, its metadata.

use crate::kind::{Kind, is_skipped};
use crate::world::{Http, NS, Recorder, World};
use meta::Doc;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

fn path(def: &api::ResourceDef) -> String {
    let root = if def.gvr.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}", def.api_version()) };
    let namespace = if def.namespaced { format!("/namespaces/{NS}") } else { String::new() };
    format!("{root}{namespace}/{}", def.gvr.resource)
}

async fn forms(minor: u32) {
    let world = World::start(minor).await;
    let face = world.face().await;
    let mut wire = face.admin(Http::Two).await;
    for kind in Kind::all(&world, &Recorder::default()) {
        let shown = kind.shown();
        let made = kind.create(kind.doc("forms", "form-0")).await.unwrap_or_else(|why| panic!("{shown}: {}", why.0));
        let list = format!("{}?labelSelector=suite%3Dforms", path(&kind.def));
        let plain = wire.get(&list).await.doc();
        assert_eq!(plain["kind"], kind.def.list_kind, "{shown}");
        assert_eq!(plain["apiVersion"], kind.def.api_version(), "{shown}");
        assert_eq!(plain["items"][0], made, "{shown}");
        let table = wire.send("GET", &list, &[("Accept", TABLE)], "").await.doc();
        assert_eq!((&table["kind"], table["rows"].as_array().map(Vec::len)), (&"Table".into(), Some(1)), "{shown}: {table}");
        let (columns, cells) = (table["columnDefinitions"].as_array(), table["rows"][0]["cells"].as_array());
        assert_eq!(columns.map(Vec::len), cells.map(Vec::len), "{shown}: {table}");
        assert_eq!(cells.and_then(|c| c.first()), first_cell(&made).as_ref(), "{shown}: {table}");
        assert_eq!(table["rows"][0]["object"]["metadata"]["uid"], made["metadata"]["uid"], "{shown}");
        let metadata = wire.send("GET", &list, &[("Accept", METADATA)], "").await.doc();
        assert_eq!(metadata["items"][0]["metadata"], made["metadata"], "{shown}");
        assert_eq!(metadata["items"][0].get("spec"), None, "{shown}");
        let one = format!("{}/{}", path(&kind.def), kind.name("form-0"));
        assert_eq!(wire.get(&one).await.doc(), made, "{shown}");
        let yaml = wire.send("GET", &one, &[("Accept", "application/yaml")], "").await;
        assert_eq!(yaml.header("content-type"), "application/yaml", "{shown}");
        kind.remove(&kind.name("form-0")).await.unwrap_or_else(|why| panic!("{shown}: {}", why.0));
    }
}

/// Tables begin with the name, but for events: those say when they were last seen.
fn first_cell(made: &Doc) -> Option<Doc> {
    match made["kind"].as_str() {
        Some("Event") => Some("0s".into()),
        _ => Some(made["metadata"]["name"].clone()),
    }
}

#[tokio::test]
async fn every_kind_of_1_34_in_every_form() {
    forms(34).await;
}

#[tokio::test]
async fn every_kind_of_1_37_in_every_form() {
    forms(37).await;
}

/// Discovery, aggregated and not, names every kind with its verbs and subresources.
#[tokio::test]
async fn discovery_is_complete() {
    for minor in [34, 36, 37] {
        let world = World::start(minor).await;
        let mut wire = world.face().await.admin(Http::One).await;
        let mut found = Vec::new();
        for root in ["/api", "/apis"] {
            let doc = wire.send("GET", root, &[("Accept", DISCOVERY)], "").await.doc();
            for group in doc["items"].as_array().into_iter().flatten() {
                for version in group["versions"].as_array().into_iter().flatten() {
                    let name = group["metadata"]["name"].as_str().unwrap_or_default();
                    found.extend(version["resources"].as_array().into_iter().flatten().map(|r| entry(name, version, r)));
                }
            }
        }
        for def in world.catalog.iter() {
            let (group, version) = (&def.gvr.group, &def.gvr.version);
            let verbs = def.verbs.join(",");
            let mut subs: Vec<&str> = def.subresources.iter().map(|s| s.name.as_str()).collect();
            subs.sort_unstable();
            let line = format!("{group}/{version} {} {} {verbs} {}", def.gvr.resource, def.kind, subs.join(","));
            assert!(found.contains(&line), "1.{minor}: {line} is not in {found:#?}");
            let old = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/{version}") };
            let doc = wire.get(&old).await.doc();
            let named = |r: &Doc| r["name"] == def.gvr.resource.as_str() && r["kind"] == def.kind.as_str();
            assert!(doc["resources"].as_array().is_some_and(|all| all.iter().any(named)), "{old}: {doc}");
        }
        assert_eq!(found.len(), world.catalog.iter().count());
        assert!(world.catalog.iter().any(|def| is_skipped(def)));
    }
}

fn entry(group: &str, version: &Doc, resource: &Doc) -> String {
    let text = |value: &Doc| value.as_str().unwrap_or_default().to_owned();
    let verbs: Vec<String> = resource["verbs"].as_array().into_iter().flatten().map(text).collect();
    let mut subs: Vec<String> =
        resource["subresources"].as_array().into_iter().flatten().map(|s| text(&s["subresource"])).collect();
    subs.sort_unstable();
    let (version, plural, kind) =
        (text(&version["version"]), text(&resource["resource"]), text(&resource["responseKind"]["kind"]));
    format!("{group}/{version} {plural} {kind} {} {}", verbs.join(","), subs.join(","))
}
