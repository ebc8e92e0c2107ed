use super::*;
use api::{Catalog, ResourceDef, Subresource};
use meta::Gvk;
use serde_json::{Value, json};

fn deployment() -> ResourceDef {
    let mut def = ResourceDef::record("apps/v1", "Deployment", "deployments").short("deploy").status();
    def.categories = vec!["all".into()];
    let verbs = ["get", "patch", "update"].map(str::to_owned).to_vec();
    def.subresources.push(Subresource { name: "scale".into(), kind: Gvk::new("autoscaling", "v1", "Scale"), verbs });
    def
}

fn parse(document: Option<&Document>) -> Value {
    serde_json::from_slice(&document.expect("served").body).expect("valid JSON")
}

#[test]
fn a_group_in_both_forms() {
    let defs = [ResourceDef::record("v1", "Pod", "pods"), deployment()];
    let discovery = Discovery::new(&Surface::new(&defs));
    let all = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    assert_eq!(
        parse(discovery.get("/apis/apps/v1", Shape::Object)),
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "apps/v1", "resources": [
            {"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment", "verbs": all,
             "shortNames": ["deploy"], "categories": ["all"], "storageVersionHash": "8aSe+NMegvE="},
            {"name": "deployments/scale", "singularName": "", "namespaced": true, "group": "autoscaling", "version": "v1",
             "kind": "Scale", "verbs": ["get", "patch", "update"]},
            {"name": "deployments/status", "singularName": "", "namespaced": true, "kind": "Deployment",
             "verbs": ["get", "patch", "update"]},
        ]})
    );
    assert_eq!(
        parse(discovery.get("/apis", Shape::Discovery)),
        json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": [
            {"metadata": {"name": "apps", "creationTimestamp": null}, "versions": [{"version": "v1", "freshness": "Current", "resources": [
                {"resource": "deployments", "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                 "scope": "Namespaced", "singularResource": "deployment", "verbs": all, "shortNames": ["deploy"], "categories": ["all"],
                 "subresources": [
                    {"subresource": "scale", "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
                     "verbs": ["get", "patch", "update"]},
                    {"subresource": "status", "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                     "verbs": ["get", "patch", "update"]},
                 ]},
            ]}]},
        ]})
    );
    assert_eq!(
        parse(discovery.get("/apis/apps", Shape::Object)),
        json!({"kind": "APIGroup", "apiVersion": "v1", "name": "apps",
            "versions": [{"groupVersion": "apps/v1", "version": "v1"}], "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}})
    );
    let core = parse(discovery.get("/api/v1", Shape::Object));
    assert_eq!((&core["apiVersion"], &core["groupVersion"]), (&Value::Null, &json!("v1")));
    assert_eq!(parse(discovery.get("/api", Shape::Object))["versions"], json!(["v1"]));
    assert_eq!(parse(discovery.get("/api", Shape::Discovery))["items"][0]["versions"][0]["resources"][0]["resource"], "pods");
    assert!(discovery.get("/apis/none", Shape::Object).is_none());
}

#[test]
fn built_ins_hash_as_upstream_hashes_them() {
    let catalog = Catalog::new(36).expect("a supported minor");
    let discovery = Discovery::new(&Surface::new(catalog.iter().map(AsRef::as_ref)));
    let core = parse(discovery.get("/api/v1", Shape::Object));
    let pods = core["resources"].as_array().into_iter().flatten().find(|r| r["name"] == "pods").expect("pods are served");
    assert_eq!(pods["storageVersionHash"], "xPOwRZ+Yhw8=");
    let tag = discovery.get("/apis", Shape::Discovery).expect("served").etag.clone();
    let again = Discovery::new(&Surface::new(catalog.iter().map(AsRef::as_ref)));
    assert!(again.get("/apis", Shape::Discovery).expect("served").matches(&tag));
}
