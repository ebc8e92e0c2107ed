//! What is to be done to a router, decided purely from what is wanted and what the kernel has.

use super::records::{Interface, Wanted, owner_of_note};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// A route of the router to one address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    pub to: Ipv4Addr,
    pub via: Option<Ipv4Addr>,
    pub link: String,
}

/// The router's end of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    pub up: bool,
    pub note: String,
}

/// A router as the kernel has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub local: BTreeSet<Ipv4Addr>,
    pub links: BTreeMap<String, End>,
    pub paths: BTreeSet<Path>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    RemovePath(Path),
    Disconnect(String),
    /// A namespace that no interface leads into any more.
    DeleteNamespace(String),
    RemoveLocal(Ipv4Addr),
    AddLocal(Ipv4Addr),
    /// Makes both ends anew, whatever is left of them.
    Connect(Interface),
    PutPath(Path),
}

pub fn plan(wanted: &Wanted, seen: &Seen) -> Vec<Step> {
    let mut steps = Vec::new();
    let stale = seen.links.keys().filter(|name| !wanted.kept.contains(*name));
    steps.extend(stale.cloned().map(Step::Disconnect));
    steps.extend(left_alone(wanted, seen).into_iter().map(Step::DeleteNamespace));
    steps.extend(seen.local.difference(&wanted.local).copied().map(Step::RemoveLocal));
    steps.extend(wanted.local.difference(&seen.local).copied().map(Step::AddLocal));
    let incomplete: BTreeSet<&str> = wanted
        .interfaces
        .iter()
        .filter(|(name, one)| !is_complete(seen.links.get(*name), one))
        .map(|(name, _)| &**name)
        .collect();
    steps.extend(incomplete.iter().map(|name| Step::Connect(wanted.interfaces[*name].clone())));
    let paths: BTreeSet<Path> = wanted.interfaces.values().flat_map(paths).collect();
    let goes_with_its_link = |path: &Path| !wanted.interfaces.contains_key(&path.link) || incomplete.contains(&*path.link);
    steps.extend(seen.paths.difference(&paths).filter(|path| !goes_with_its_link(path)).cloned().map(Step::RemovePath));
    steps.extend(
        paths.into_iter().filter(|path| !seen.paths.contains(path) || incomplete.contains(&*path.link)).map(Step::PutPath),
    );
    steps
}

fn is_complete(end: Option<&End>, interface: &Interface) -> bool {
    end.is_some_and(|end| end.up && end.note == interface.note())
}

/// Owners of interfaces that go, and of none that stays.
fn left_alone(wanted: &Wanted, seen: &Seen) -> BTreeSet<String> {
    let kept = seen.links.iter().filter(|(name, _)| wanted.kept.contains(*name) && !wanted.interfaces.contains_key(*name));
    let kept = kept.filter_map(|(_, end)| owner_of_note(&end.note));
    let stays: BTreeSet<&str> = wanted.interfaces.values().map(|interface| &*interface.owner).chain(kept).collect();
    let owners = seen.links.values().filter_map(|end| owner_of_note(&end.note));
    owners.filter(|owner| !stays.contains(owner)).map(str::to_owned).collect()
}

/// The primary address is on the link; the others are behind it.
fn paths(interface: &Interface) -> impl Iterator<Item = Path> {
    let (primary, link) = (interface.primary, interface.link_name());
    let first = Path { to: primary, via: None, link: link.clone() };
    let others = interface.secondary.iter().map(move |to| Path { to: *to, via: Some(primary), link: link.clone() });
    std::iter::once(first).chain(others)
}

#[cfg(test)]
mod tests {
    use super::super::records::tests::{interface, place, records};
    use super::*;
    use serde_json::json;

    fn wanted(instances: &[&str]) -> Wanted {
        let interfaces = instances.iter().enumerate().map(|(number, instance)| {
            let (id, address) = (format!("eni-000000000000000{number}0"), format!("172.31.1.{}", 10 + number));
            let mut doc = interface(&id, &address, json!({"instanceId": instance, "deviceIndex": 0}));
            doc["status"]["privateIpAddresses"][1]["privateIpAddress"] = json!(format!("172.31.2.{number}"));
            doc
        });
        records(interfaces.collect()).wanted("vpc-1", &place())
    }

    /// What the kernel has once everything is done.
    fn done(wanted: &Wanted) -> Seen {
        let links = wanted.interfaces.iter().map(|(name, one)| (name.clone(), End { up: true, note: one.note() })).collect();
        Seen { local: wanted.local.clone(), links, paths: wanted.interfaces.values().flat_map(paths).collect() }
    }

    fn kinds(steps: &[Step]) -> Vec<&'static str> {
        let kind = |step: &Step| match step {
            Step::RemovePath(_) => "-path",
            Step::Disconnect(_) => "-link",
            Step::DeleteNamespace(_) => "-namespace",
            Step::RemoveLocal(_) => "-local",
            Step::AddLocal(_) => "+local",
            Step::Connect(_) => "+link",
            Step::PutPath(_) => "+path",
        };
        steps.iter().map(kind).collect()
    }

    #[test]
    fn only_the_difference_is_mended() {
        let two = wanted(&["i-1", "i-2"]);
        let edit = |edit: fn(&mut Seen)| {
            let mut seen = done(&two);
            edit(&mut seen);
            seen
        };
        for (seen, expected) in [
            (done(&two), vec![]),
            (done(&wanted(&["i-1"])), vec!["+link", "+path", "+path"]),
            (done(&wanted(&["i-1", "i-2", "i-3"])), vec!["-link", "-namespace"]),
            (edit(|seen| seen.paths.clear()), vec!["+path"; 4]),
            (edit(|seen| seen.local.retain(|address| address.octets()[3] != 1)), vec!["+local", "+local"]),
            (edit(|seen| seen.local.extend([Ipv4Addr::LOCALHOST])), vec!["-local"]),
            (edit(|seen| seen.links.values_mut().next().expect("one").note.clear()), vec!["+link", "+path", "+path"]),
            (edit(|seen| seen.links.values_mut().last().expect("one").up = false), vec!["+link", "+path", "+path"]),
        ] {
            assert_eq!(kinds(&plan(&two, &seen)), expected, "{seen:?}");
        }
    }

    #[test]
    fn an_address_that_was_taken_back_is_not_routed() {
        let mut one = wanted(&["i-1"]);
        let seen = done(&one);
        one.interfaces.values_mut().for_each(|interface| interface.secondary.clear());
        assert_eq!(kinds(&plan(&one, &seen)), ["-path"]);
    }

    #[test]
    fn what_is_asked_for_but_not_known_stays() {
        let mut one = wanted(&["i-1"]);
        let seen = done(&one);
        one.interfaces.clear();
        assert_eq!(plan(&one, &seen), []);
        one.kept.clear();
        assert_eq!(kinds(&plan(&one, &seen)), ["-link", "-namespace"]);
    }

    #[test]
    fn an_interface_that_moves_is_made_anew() {
        let steps = plan(&wanted(&["i-9"]), &done(&wanted(&["i-1"])));
        assert_eq!(kinds(&steps), ["-namespace", "+link", "+path", "+path"]);
        assert_eq!(steps[0], Step::DeleteNamespace("ph-0123abcd-i-1".into()));
    }
}
