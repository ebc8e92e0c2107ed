//! Reads lightkube-models' resource modules and adds what they lack, in aggregated-discovery order.

use super::hand;
use serde_json::{Value, json};

#[derive(Clone, Default)]
struct Entry {
    namespaced: bool,
    gvk: [String; 3],
    parent: Option<[String; 3]>,
    plural: String,
    verbs: Vec<String>,
    action: Option<String>,
}

pub fn parse(modules: &[String]) -> Result<Vec<Value>, String> {
    let entries: Vec<Entry> = modules.iter().flat_map(|m| entries(m)).collect();
    let (subs, mut mains): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|e| e.action.is_some());
    add_bindings(&mut mains);
    for main in &mains {
        if !hand::GROUP_ORDER.contains(&main.gvk[0].as_str()) {
            return Err(format!("group {:?} has no place in the discovery order", main.gvk[0]));
        }
    }
    mains.sort_by_key(|e| (group_rank(&e.gvk[0]), version_rank(&e.gvk[1]), e.plural.clone()));
    Ok(mains.iter().map(|main| row(main, &subs)).collect())
}

/// `class X(res.NamespacedResource...)` opens an entry; the lines of its ApiInfo fill it.
fn entries(module: &str) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for line in module.lines() {
        if let Some(class) = line.strip_prefix("class ") {
            found.push(Entry { namespaced: class.contains("(res.Namespaced"), ..Entry::default() });
            continue;
        }
        let Some(entry) = found.last_mut() else { continue };
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let words: Vec<String> = value.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
        match (key, &words[..]) {
            ("resource", [g, v, k]) => entry.gvk = [g.clone(), v.clone(), k.clone()],
            ("parent", [g, v, k]) => entry.parent = Some([g.clone(), v.clone(), k.clone()]),
            ("plural", [plural]) => entry.plural = plural.clone(),
            ("verbs", _) => entry.verbs = verbs(&words),
            ("action", [action]) => entry.action = Some(action.clone()),
            _ => {}
        }
    }
    found.retain(|e| !e.plural.is_empty());
    found
}

fn verbs(words: &[String]) -> Vec<String> {
    let kept = words.iter().filter(|w| !w.starts_with("global_"));
    let mut verbs: Vec<String> = kept
        .map(|w| match w.as_str() {
            "post" => "create".to_owned(),
            "put" => "update".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    verbs.sort();
    verbs
}

/// Resources of which lightkube knows only the create call may be missing altogether.
fn add_bindings(mains: &mut Vec<Entry>) {
    if !mains.iter().any(|e| e.plural == "bindings") {
        let gvk = ["", "v1", "Binding"].map(str::to_owned);
        mains.push(Entry { namespaced: true, gvk, plural: "bindings".into(), verbs: vec!["create".into()], ..Entry::default() });
    }
}

fn group_rank(group: &str) -> usize {
    hand::GROUP_ORDER.iter().position(|g| *g == group).unwrap_or(usize::MAX)
}

/// Stable before beta before alpha, newer first (apimachinery pkg/version CompareKubeAwareVersionStrings).
fn version_rank(version: &str) -> (u8, std::cmp::Reverse<u32>, std::cmp::Reverse<u32>) {
    let (stage, split) = match (version.find("beta"), version.find("alpha")) {
        (Some(at), _) => (1, at),
        (_, Some(at)) => (2, at),
        _ => (0, version.len()),
    };
    let number = |text: &str| text.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
    (stage, std::cmp::Reverse(number(&version[..split])), std::cmp::Reverse(number(&version[split..])))
}

fn row(main: &Entry, subs: &[Entry]) -> Value {
    let [group, version, kind] = &main.gvk;
    let mut row = json!({
        "group": group, "version": version, "kind": kind, "plural": main.plural, "singular": kind.to_lowercase(),
        "listKind": format!("{kind}List"), "namespaced": main.namespaced, "served": version_rank(version).0 == 0,
        "verbs": resource_verbs(main), "subresources": subresources(main, subs),
    });
    let short = hand::SHORT_NAMES.iter().find(|(g, p, _)| g == group && *p == main.plural).map(|(.., names)| *names);
    row["shortNames"] = json!(short.unwrap_or_default());
    row["categories"] = json!(categories(group, &main.plural));
    if let Some((_, stored)) =
        hand::STORED_AS.iter().find(|(served, _)| *served == (group.as_str(), version.as_str(), kind.as_str()))
    {
        row["storedAs"] = json!(stored);
    }
    row
}

/// Component statuses have a list but no watch (pkg/registry/core/componentstatus/rest.go).
fn resource_verbs(main: &Entry) -> Vec<String> {
    let watchable = main.plural != "componentstatuses";
    main.verbs.iter().filter(|v| watchable || *v != "watch").cloned().collect()
}

fn categories(group: &str, plural: &str) -> Vec<&'static str> {
    if hand::ALL.contains(&(group, plural)) {
        vec!["all"]
    } else if hand::API_EXTENSIONS.contains(&group) {
        vec!["api-extensions"]
    } else {
        Vec::new()
    }
}

fn subresources(main: &Entry, subs: &[Entry]) -> Vec<Value> {
    let of_main = |sub: &&Entry| {
        let parent = sub.parent.as_ref().unwrap_or(&sub.gvk);
        sub.plural == main.plural && parent[..2] == main.gvk[..2]
    };
    let mut rows: Vec<(String, Value)> = subs
        .iter()
        .filter(of_main)
        .filter_map(|sub| {
            let [group, version, kind] = &sub.gvk;
            let name = sub.action.clone()?;
            Some((name.clone(), json!({"name": name, "group": group, "version": version, "kind": kind, "verbs": sub.verbs})))
        })
        .collect();
    if main.gvk[0].is_empty() {
        rows.extend(hand::CONNECT.iter().filter(|(plural, ..)| *plural == main.plural).map(|(_, name, kind, verbs)| {
            ((*name).to_owned(), json!({"name": name, "group": "", "version": "v1", "kind": kind, "verbs": verbs}))
        }));
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = "
class PodEviction(res.NamespacedSubResource, m_policy_v1.Eviction):
    _api_info = res.ApiInfo(
        resource=res.ResourceDef('policy', 'v1', 'Eviction'),
        parent=res.ResourceDef('', 'v1', 'Pod'),
        plural='pods',
        verbs=['post'],
        action='eviction',
    )

class Pod(res.NamespacedResourceG, m_core_v1.Pod):
    _api_info = res.ApiInfo(
        resource=res.ResourceDef('', 'v1', 'Pod'),
        plural='pods',
        verbs=['delete', 'global_list', 'list', 'post', 'put'],
    )
";

    #[test]
    fn a_module_becomes_rows_with_their_subresources() {
        let rows = parse(&[MODULE.to_owned()]).expect("a known group");
        let pod = rows.iter().find(|r| r["plural"] == "pods").expect("the pods row");
        assert_eq!(pod["verbs"], json!(["create", "delete", "list", "update"]));
        assert_eq!(pod["namespaced"], true);
        let names: Vec<&Value> = pod["subresources"].as_array().into_iter().flatten().map(|s| &s["name"]).collect();
        assert_eq!(names, ["attach", "eviction", "exec", "portforward", "proxy"]);
        assert_eq!(pod["subresources"][1]["group"], "policy");
    }

    #[test]
    fn versions_sort_by_stability_then_age() {
        let mut versions = ["v1alpha1", "v1", "v1beta1", "v2", "v1beta2", "v2alpha1"];
        versions.sort_by_key(|v| version_rank(v));
        assert_eq!(versions, ["v2", "v1", "v1beta2", "v1beta1", "v2alpha1", "v1alpha1"]);
    }
}
