//! Fitting the endpoints that are wanted into the slices that there are, with as few changes as can be
//! (`reconcileByPortMapping` of k8s.io/endpointslice `reconciler.go`).

use super::slice::{Slice, identity};
use meta::Doc;
use std::collections::BTreeMap;

/// `--max-endpoints-per-slice`.
pub(super) const MAX_ENDPOINTS: usize = 100;

/// Endpoints by what tells them apart.
pub(super) type Endpoints = BTreeMap<String, Doc>;

/// What becomes of the slices of one set of ports.
#[derive(Debug, Default)]
pub(super) struct Fitted {
    pub unchanged: Vec<Slice>,
    pub changed: Vec<Slice>,
    pub created: Vec<Slice>,
    pub dropped: Vec<Slice>,
}

/// `relabel` brings a slice's labels up to date and says whether that changed them; `new` makes an empty one.
pub(super) fn fit(
    existing: Vec<Slice>,
    mut wanted: Endpoints,
    relabel: impl Fn(&mut Slice) -> bool,
    new: impl Fn() -> Slice,
) -> Fitted {
    let mut fitted = Fitted::default();
    for mut slice in existing {
        let endpoints_changed = keep_wanted(&mut slice, &mut wanted);
        let relabelled = relabel(&mut slice);
        match (endpoints_changed, slice.endpoints().is_empty()) {
            (true, true) => fitted.dropped.push(slice),
            (true, false) => fitted.changed.push(slice),
            (false, _) if relabelled => fitted.changed.push(slice),
            (false, _) => fitted.unchanged.push(slice),
        }
    }
    // The fullest first: what is touched anyway takes in what is left.
    fitted.changed.sort_by_key(|slice| std::cmp::Reverse(slice.endpoints().len()));
    fitted.changed.iter_mut().for_each(|slice| fill(slice, &mut wanted));
    while !wanted.is_empty() {
        match fullest_with_room(&fitted.unchanged, wanted.len()) {
            Some(at) => {
                let mut slice = fitted.unchanged.remove(at);
                fill(&mut slice, &mut wanted);
                fitted.changed.push(slice);
            }
            None => {
                let mut slice = new();
                fill(&mut slice, &mut wanted);
                fitted.created.push(slice);
            }
        }
    }
    fitted
}

/// Leaves in the slice what is wanted, as it is wanted, and takes that off the list. True if anything changed.
fn keep_wanted(slice: &mut Slice, wanted: &mut Endpoints) -> bool {
    let (mut kept, mut changed) = (Vec::new(), false);
    for endpoint in slice.endpoints() {
        let Some(new) = wanted.remove(&identity(endpoint)) else {
            changed = true;
            continue;
        };
        let same = same_but_hints(endpoint, &new);
        changed |= !same;
        kept.push(if same { endpoint.clone() } else { new });
    }
    if changed {
        slice.doc["endpoints"] = kept.into();
    }
    changed
}

fn same_but_hints(stored: &Doc, wanted: &Doc) -> bool {
    let fields = |doc: &Doc| doc.as_object().map_or(0, |map| map.keys().filter(|key| *key != "hints").count());
    fields(stored) == fields(wanted)
        && wanted.as_object().is_some_and(|map| map.iter().all(|(key, value)| key == "hints" || stored.get(key) == Some(value)))
}

fn fill(slice: &mut Slice, wanted: &mut Endpoints) {
    let Some(endpoints) = slice.doc["endpoints"].as_array_mut() else { return };
    while endpoints.len() < MAX_ENDPOINTS {
        let Some((_, endpoint)) = wanted.pop_first() else { return };
        endpoints.push(endpoint);
    }
}

/// The slice that would be closest to full with `more` endpoints in it.
fn fullest_with_room(slices: &[Slice], more: usize) -> Option<usize> {
    let room = |slice: &Slice| MAX_ENDPOINTS.checked_sub(more + slice.endpoints().len());
    let fitting = slices.iter().enumerate().filter_map(|(at, slice)| Some((room(slice)?, at)));
    fitting.filter(|(left, _)| *left < MAX_ENDPOINTS).min().map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_pods::Family;
    use serde_json::json;
    use std::ops::Range;

    fn endpoint(number: usize) -> Doc {
        json!({"addresses": [format!("10.0.{}.{}", number / 256, number % 256)], "conditions": {"ready": true}})
    }

    fn slice(name: &str, numbers: Range<usize>) -> Slice {
        let mut slice = Slice::new(json!({ "name": name }), Family::V4, &[]);
        slice.name = name.into();
        slice.doc["endpoints"] = numbers.map(endpoint).collect();
        slice
    }

    fn sizes(slices: &[Slice]) -> String {
        slices.iter().map(|slice| format!("{}:{} ", slice.name, slice.endpoints().len())).collect::<String>().trim().to_owned()
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a list of one range is what is meant")]
    fn as_few_slices_change_as_can_be() {
        type Existing = &'static [(&'static str, Range<usize>)];
        let table: &[(&str, Existing, &[Range<usize>], [&str; 4])] = &[
            // What is there and what is wanted; what is unchanged, changed, created and dropped.
            ("nothing to do", &[("a", 0..3)], &[0..3], ["a:3", "", "", ""]),
            ("a new one", &[], &[0..3], ["", "", ":3", ""]),
            ("one more fits in", &[("a", 0..3)], &[0..4], ["", "a:4", "", ""]),
            ("one less", &[("a", 0..3)], &[0..2], ["", "a:2", "", ""]),
            ("none left", &[("a", 0..3)], &[], ["", "", "", "a:3"]),
            (
                "a changed one is filled first",
                &[("a", 0..90), ("b", 100..150)],
                &[0..90, 101..150, 200..201],
                ["a:90", "b:50", "", ""],
            ),
            ("the fullest that has room", &[("a", 0..10), ("b", 10..100)], &[0..105], ["a:10", "b:95", "", ""]),
            ("too many for any", &[("a", 0..60), ("b", 100..160)], &[0..60, 100..160, 200..250], ["a:60 b:60", "", ":50", ""]),
            ("several new ones", &[], &[0..250], ["", "", ":100 :100 :50", ""]),
            ("full ones stay", &[("a", 0..100)], &[0..150], ["a:100", "", ":50", ""]),
        ];
        for (case, existing, wanted, expected) in table {
            let existing = existing.iter().map(|(name, numbers)| slice(name, numbers.clone())).collect();
            let wanted = wanted.iter().cloned().flatten().map(endpoint).map(|e| (identity(&e), e)).collect();
            let fitted = fit(existing, wanted, |_| false, || Slice::new(json!({}), Family::V4, &[]));
            let has = [&fitted.unchanged, &fitted.changed, &fitted.created].map(|slices| sizes(slices));
            assert_eq!(has[..], expected[..3], "{case}");
            let dropped: Vec<&str> = fitted.dropped.iter().map(|slice| slice.name.as_str()).collect();
            assert_eq!(dropped.concat(), expected[3].split(':').next().unwrap_or_default(), "{case}");
        }
    }

    #[test]
    fn a_changed_endpoint_keeps_its_place() {
        let mut changed = endpoint(1);
        changed["conditions"]["ready"] = false.into();
        let wanted = [endpoint(0), changed.clone(), endpoint(2)].into_iter().map(|e| (identity(&e), e)).collect();
        let fitted = fit(vec![slice("a", 0..3)], wanted, |_| false, || slice("", 0..0));
        assert_eq!(fitted.changed[0].endpoints(), [endpoint(0), changed, endpoint(2)]);
    }

    #[test]
    fn hints_and_labels() {
        let mut hinted = slice("a", 0..1);
        hinted.doc["endpoints"][0]["hints"] = json!({"forZones": [{"name": "z"}]});
        let wanted = || [endpoint(0)].into_iter().map(|e| (identity(&e), e)).collect();
        assert_eq!(fit(vec![hinted.clone()], wanted(), |_| false, || slice("", 0..0)).unchanged.len(), 1);
        assert_eq!(fit(vec![hinted], wanted(), |_| true, || slice("", 0..0)).changed.len(), 1);
    }
}
