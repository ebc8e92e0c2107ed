//! Arrows point down: every crate-to-crate edge of this workspace stands in `xtask/edges.txt` with its why.

use crate::process::{Failure, Result, root};
use crate::workspace::{self, Metadata};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const TABLE: &str = "xtask/edges.txt";
/// Only these open the store: everyone else is a client of the API server.
const MAY_OPEN_STORAGE: &[&str] = &["apiserver", "cluster"];
/// What drags an async runtime or a socket into a crate that must have neither.
const ASYNC: &[&str] = &["tokio", "hyper", "mio", "async-trait"];

/// The table, parsed.
#[derive(Default, Debug)]
struct Table {
    /// Layer names from the lowest to the highest, each with its crates.
    layers: Vec<(String, Vec<String>)>,
    edges: BTreeSet<Edge>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    /// Needed by tests only.
    dev: bool,
}

pub fn check(metadata: &Metadata) -> Result<Vec<String>> {
    let text = fs::read_to_string(root().join(TABLE)).map_err(|error| Failure::io(TABLE, &error))?;
    let table = Table::parse(&text)?;
    let mut complaints =
        judge(&table, &real_edges(metadata), &metadata.packages.iter().map(|member| member.name.as_str()).collect());
    complaints.extend(runtimes_in_words(&table)?);
    Ok(complaints)
}

fn real_edges(metadata: &Metadata) -> BTreeSet<Edge> {
    let names: BTreeSet<&str> = metadata.packages.iter().map(|member| member.name.as_str()).collect();
    let edges = metadata.packages.iter().flat_map(|member| {
        let inner = member.dependencies.iter().filter(|dependency| names.contains(dependency.name.as_str()));
        inner.map(|dependency| Edge {
            from: member.name.clone(),
            to: dependency.name.clone(),
            dev: dependency.kind.as_deref() == Some("dev"),
        })
    });
    edges.collect()
}

impl Table {
    fn parse(text: &str) -> Result<Self> {
        let mut table = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |what: &str| Failure(format!("{TABLE}:{}: {what}: {line}", number + 1));
            let (head, rest) = line.split_once(':').ok_or_else(|| bad("no colon"))?;
            if rest.trim().is_empty() {
                return Err(bad("nothing after the colon"));
            }
            if let Some(layer) = head.strip_prefix("layer ") {
                table.layers.push((layer.trim().into(), rest.split_whitespace().map(str::to_owned).collect()));
                continue;
            }
            let (dev, arrow) = head.strip_prefix("dev ").map_or((false, head), |arrow| (true, arrow));
            let (from, to) = arrow.split_once("->").ok_or_else(|| bad("no arrow"))?;
            let edge = Edge { from: from.trim().into(), to: to.trim().into(), dev };
            if !table.edges.insert(edge) {
                return Err(bad("listed twice"));
            }
        }
        Ok(table)
    }

    fn rank(&self) -> BTreeMap<&str, (usize, &str)> {
        let layers = self.layers.iter().enumerate();
        layers
            .flat_map(|(rank, (layer, crates))| crates.iter().map(move |name| (name.as_str(), (rank, layer.as_str()))))
            .collect()
    }
}

fn judge(table: &Table, real: &BTreeSet<Edge>, crates: &BTreeSet<&str>) -> Vec<String> {
    let rank = table.rank();
    let mut complaints = Vec::new();
    let show = |edge: &Edge| format!("{}{} -> {}", if edge.dev { "dev " } else { "" }, edge.from, edge.to);
    for edge in real.difference(&table.edges) {
        complaints.push(format!("{}: not in {TABLE}: list it with its why, or meet over the API", show(edge)));
    }
    for edge in table.edges.difference(real) {
        complaints.push(format!("{}: stale, no such dependency is left: remove it from {TABLE}", show(edge)));
    }
    for name in crates.iter().filter(|name| !rank.contains_key(**name)) {
        complaints.push(format!("{name}: in no layer of {TABLE}"));
    }
    for name in rank.keys().filter(|name| !crates.contains(**name)) {
        complaints.push(format!("{name}: in a layer of {TABLE}, but no such crate"));
    }
    for edge in real {
        let (Some((from, layer)), Some((to, _))) = (rank.get(edge.from.as_str()), rank.get(edge.to.as_str())) else { continue };
        if to > from && !edge.dev {
            complaints.push(format!("{}: points up", show(edge)));
        }
        if *layer == "components" && from == to && !edge.dev {
            complaints.push(format!("{}: components never import each other", show(edge)));
        }
        if edge.to == "storage" && !edge.dev && !MAY_OPEN_STORAGE.contains(&edge.from.as_str()) {
            complaints.push(format!("{}: only {} may open storage", show(edge), MAY_OPEN_STORAGE.join(" and ")));
        }
    }
    complaints
}

fn runtimes_in_words(table: &Table) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for name in table.layers.iter().filter(|(layer, _)| layer == "words").flat_map(|(_, crates)| crates) {
        for linked in workspace::linked_by(name)?.iter().filter(|linked| ASYNC.contains(&linked.name.as_str())) {
            complaints.push(format!("{name}: links {}; words have no I/O and no async", linked.name));
        }
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE_TEXT: &str = "
        layer words: meta api
        layer engines: storage
        layer components: apiserver agent
        layer composition: cluster
        api -> meta: its words
        apiserver -> storage: the only one that opens it
        cluster -> apiserver: starts it
    ";

    fn edge(text: &str) -> Edge {
        let (dev, arrow) = text.strip_prefix("dev ").map_or((false, text), |arrow| (true, arrow));
        let (from, to) = arrow.split_once(" -> ").expect("an arrow");
        Edge { from: from.into(), to: to.into(), dev }
    }

    fn complaints_with(extra: &[&str], missing: &[&str]) -> Vec<String> {
        let table = Table::parse(TABLE_TEXT).expect("a good table");
        let mut real = table.edges.clone();
        real.extend(extra.iter().map(|text| edge(text)));
        for text in missing {
            real.remove(&edge(text));
        }
        judge(&table, &real, &["meta", "api", "storage", "apiserver", "agent", "cluster"].into())
    }

    #[test]
    fn the_table_itself_is_fine() {
        assert_eq!(complaints_with(&[], &[]), Vec::<String>::new());
    }

    #[test]
    fn each_wrong_edge_is_named_with_its_reason() {
        for (extra, missing, reason) in [
            ("agent -> api", "", "agent -> api: not in"),
            ("", "cluster -> apiserver", "cluster -> apiserver: stale"),
            ("meta -> storage", "", "meta -> storage: points up"),
            ("agent -> apiserver", "", "components never import each other"),
            ("agent -> storage", "", "only apiserver and cluster may open storage"),
            ("dev meta -> storage", "", "dev meta -> storage: not in"),
        ] {
            let extra: Vec<&str> = Some(extra).filter(|text| !text.is_empty()).into_iter().collect();
            let missing: Vec<&str> = Some(missing).filter(|text| !text.is_empty()).into_iter().collect();
            let complaints = complaints_with(&extra, &missing).join("\n");
            assert!(complaints.contains(reason), "{extra:?} {missing:?}: {complaints}");
        }
    }

    #[test]
    fn malformed_lines_are_refused_with_their_number() {
        for (text, reason) in [
            ("a -> b", ":1: no colon"),
            ("\na b: why", ":2: no arrow"),
            ("a -> b:", "nothing after the colon"),
            ("a -> b: x\na -> b: y", "listed twice"),
        ] {
            let failure = Table::parse(text).expect_err(text).to_string();
            assert!(failure.contains(reason), "{text}: {failure}");
        }
    }
}
