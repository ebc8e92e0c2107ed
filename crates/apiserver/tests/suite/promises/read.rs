//! Creating, getting, listing.

use crate::kind::{Check, Kind, names, refused, same, selecting};
use crate::world::options;
use client::{Options, Verb, VersionMatch};
use std::collections::BTreeSet;

pub async fn create_and_get(kind: &Kind<'_>) -> Check {
    let name = &kind.name("get-0");
    let made = kind.create(kind.doc("get", "get-0")).await?;
    same("apiVersion", made["apiVersion"].as_str(), Some(&*kind.def.api_version()))?;
    same("kind", made["kind"].as_str(), Some(&*kind.def.kind))?;
    for field in ["uid", "creationTimestamp", "resourceVersion"] {
        same(field, made["metadata"][field].is_string(), true)?;
    }
    same("get", kind.get(name).await?, made.clone())?;
    let cached = kind.call(Verb::Get, name).options(options(|o| o.resource_version = "0".into()));
    same("get at 0", kind.object(cached).await?, made)?;
    let resource = kind.def.group_resource();
    let again = kind.client.call(kind.call(Verb::Create, "").body(kind.doc("get", "get-0"))).await;
    refused("create again", again, 409, &format!("{resource} {name:?} already exists"))?;
    let missing = kind.client.call(kind.call(Verb::Get, "no-such-thing")).await;
    refused("get nothing", missing, 404, &format!("{resource} \"no-such-thing\" not found"))?;
    kind.remove(name).await?;
    same("gone", kind.get(name).await.is_err(), true)
}

pub async fn selectors(kind: &Kind<'_>) -> Check {
    let mut all = Vec::new();
    for n in 0..3 {
        let mut doc = kind.doc("select", &format!("select-{n}"));
        doc["metadata"]["labels"]["n"] = n.to_string().into();
        all.push(kind.create(doc).await?["metadata"]["name"].as_str().unwrap_or_default().to_owned());
    }
    all.sort();
    for (labels, fields, count) in [
        ("suite=select", String::new(), 3),
        ("suite=select,n=1", String::new(), 1),
        ("suite=select,n in (0,2)", String::new(), 2),
        ("suite=select,n notin (0)", String::new(), 2),
        ("suite=select,!n", String::new(), 0),
        ("suite=select", format!("metadata.name={}", all[1]), 1),
        ("suite=select", format!("metadata.name!={}", all[1]), 2),
        ("n=7", format!("metadata.name={}", all[1]), 0),
    ] {
        let what = format!("{labels} {fields}");
        let found = kind.list(options(|o| (o.label_selector, o.field_selector) = (labels.into(), fields))).await?;
        same(&what, found.items.len(), count)?;
        same("the list's own version", found.revision > 0, true)?;
    }
    let odd = kind.list(options(|o| o.field_selector = "spec.nothing=1".into())).await;
    same("unknown field", odd.is_err_and(|why| why.0.contains("field label not supported: spec.nothing")), true)?;
    for name in &all {
        kind.remove(name).await?;
    }
    Ok(())
}

/// Pages show the first page's revision, whatever is written meanwhile.
pub async fn pages(kind: &Kind<'_>) -> Check {
    let mut made = BTreeSet::new();
    for n in 0..5 {
        made.insert(kind.name(&format!("page-{n}")));
        kind.create(kind.doc("page", &format!("page-{n}"))).await?;
    }
    let mut page = kind.list(Options { limit: 2, ..selecting("page") }).await?;
    let (revision, mut seen) = (page.revision, names(&page.items).iter().map(|n| n.to_string()).collect::<Vec<_>>());
    same("first page", page.items.len(), 2)?;
    // One that was not there, one that changes, one that goes.
    kind.create(kind.doc("page", "page-5")).await?;
    let last = made.last().cloned().unwrap_or_default();
    kind.label(&last, "changed", "yes".into()).await?;
    let gone = made.iter().nth(2).cloned().unwrap_or_default();
    kind.remove(&gone).await?;
    while !page.continue_token.is_empty() {
        let token = page.continue_token.clone();
        page = kind.list(Options { limit: 2, continue_token: token, ..selecting("page") }).await?;
        same("revision of a later page", page.revision, revision)?;
        same("a later version of an object", page.items.iter().all(|o| o.revision <= revision), true)?;
        seen.extend(names(&page.items).iter().map(|n| n.to_string()));
    }
    same("all pages", seen, made.iter().cloned().collect::<Vec<_>>())?;
    let exact = options(|o| (o.resource_version, o.version_match) = (revision.to_string(), Some(VersionMatch::Exact)));
    let then = kind.list(Options { label_selector: "suite=page".into(), ..exact }).await?;
    same("exactly then", then.items.len(), 5)?;
    let now = kind.list(selecting("page")).await?;
    for object in &now.items {
        kind.remove(&object.meta.name).await?;
    }
    same("now", now.items.len(), 5)?;
    Ok(())
}
