//! What a PodDisruptionBudget says to one eviction.

use meta::status::Result;
use meta::{Doc, GroupResource, Object, Status, Time};
use serde_json::json;

/// `MaxDisruptedPodSize`: more evictions than that nobody has confirmed.
const MAX_DISRUPTED: usize = 2000;
const ALLOWED: &str = "DisruptionAllowed";

pub(super) struct Budget {
    name: String,
    generation: i64,
    doc: Doc,
}

#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// A pod that is not well counts for nothing, as long as it is not well.
    Free,
    /// Allowed, once the budget's status has been patched so.
    Spend(Doc),
}

impl Budget {
    pub fn of(budget: &Object) -> Self {
        Self { name: budget.meta.name.clone(), generation: budget.meta.generation, doc: budget.to_doc() }
    }

    pub fn verdict(&self, pod: &str, ready: bool, now: Time) -> Result<Verdict> {
        if !ready && self.lets_unready_go() {
            return Ok(Verdict::Free);
        }
        if self.number("observedGeneration") < self.generation {
            return Err(self.refused(&format!("The disruption budget {} is still being processed by the server.", self.name), 10));
        }
        let allowed = self.number("disruptionsAllowed");
        let disrupted = self.doc["status"]["disruptedPods"].as_object().map_or(0, serde_json::Map::len);
        match allowed {
            ..0 => Err(self.forbidden("pdb disruptions allowed is negative")),
            _ if disrupted > MAX_DISRUPTED => {
                Err(self.forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller"))
            }
            0 => Err(self.refused(&self.why_none(), 0)),
            _ => Ok(Verdict::Spend(self.spent(pod, allowed - 1, now))),
        }
    }

    fn number(&self, field: &str) -> i64 {
        self.doc["status"][field].as_i64().unwrap_or(0)
    }

    fn lets_unready_go(&self) -> bool {
        let desired = self.number("desiredHealthy");
        self.doc["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
            || (desired > 0 && self.number("currentHealthy") >= desired)
    }

    fn why_none(&self) -> String {
        let (name, desired, current) = (&self.name, self.number("desiredHealthy"), self.number("currentHealthy"));
        let conditions = self.doc["status"]["conditions"].as_array().into_iter().flatten();
        let refusal = conditions.into_iter().find(|condition| condition["type"] == ALLOWED && condition["status"] == "False");
        let text = |field: &str| refusal.and_then(|condition| condition[field].as_str()).unwrap_or_default();
        match (text("reason"), text("message")) {
            ("SyncFailed", message) if !message.is_empty() => {
                format!("The disruption budget {name} does not allow evicting pods currently because it failed sync: {message}")
            }
            _ if current <= desired => {
                format!("The disruption budget {name} needs {desired} healthy pods and has {current} currently")
            }
            (reason, message) if !message.is_empty() => {
                format!("The disruption budget {name} does not allow evicting pods currently ({reason}): {message}")
            }
            _ => format!("The disruption budget {name} does not allow evicting pods currently"),
        }
    }

    fn spent(&self, pod: &str, left: i64, now: Time) -> Doc {
        let mut status = json!({ "disruptionsAllowed": left, "disruptedPods": { (pod): now.to_string() } });
        if left == 0 {
            let mut conditions = self.doc["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.retain(|condition| condition["type"] != ALLOWED);
            conditions.push(json!({ "type": ALLOWED, "status": "False", "reason": "InsufficientPods", "message": "",
                "observedGeneration": self.number("observedGeneration"), "lastTransitionTime": now.to_string() }));
            status["conditions"] = conditions.into();
        }
        status
    }

    fn refused(&self, why: &str, retry_after: u32) -> Status {
        let cause = json!([{ "reason": "DisruptionBudget", "message": why }]);
        let mut status =
            Status::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", retry_after);
        status.details["name"] = self.name.as_str().into();
        status.with_causes(cause)
    }

    fn forbidden(&self, why: &str) -> Status {
        Status::forbidden(&GroupResource::new("policy", "poddisruptionbudget"), &self.name, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(spec: Doc, status: Doc, ready: bool) -> std::result::Result<Verdict, String> {
        let doc = json!({"metadata": {"name": "b", "generation": 2}, "spec": spec, "status": status});
        let now = Time::parse("2026-11-20T12:00:00Z").expect("a time");
        let verdict = Budget::of(&Object::from_doc(&doc, 1).expect("a valid object")).verdict("web", ready, now);
        verdict.map_err(|status| {
            let cause = status.details["causes"][0]["message"].as_str().unwrap_or(&status.message).to_owned();
            format!("{} {cause}", status.code())
        })
    }

    fn counted(allowed: i64, healthy: i64, desired: i64) -> Doc {
        json!({"observedGeneration": 2, "disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": desired})
    }

    #[test]
    fn budgets_refuse_and_say_why() {
        let with = |mut status: Doc, reason: &str, message: &str| {
            status["conditions"] = json!([{"type": ALLOWED, "status": "False", "reason": reason, "message": message}]);
            status
        };
        for (status, expected) in [
            (json!({}), "429 The disruption budget b is still being processed by the server."),
            (counted(0, 1, 2), "429 The disruption budget b needs 2 healthy pods and has 1 currently"),
            (counted(0, 3, 2), "429 The disruption budget b does not allow evicting pods currently"),
            (
                with(counted(0, 3, 2), "Other", "for reasons"),
                "429 The disruption budget b does not allow evicting pods currently (Other): for reasons",
            ),
            (
                with(counted(0, 1, 2), "SyncFailed", "no idea"),
                "429 The disruption budget b does not allow evicting pods currently because it failed sync: no idea",
            ),
            (counted(-1, 1, 2), "403 poddisruptionbudget.policy \"b\" is forbidden: pdb disruptions allowed is negative"),
        ] {
            assert_eq!(verdict(json!({}), status, true), Err(expected.to_owned()));
        }
    }

    #[test]
    fn unready_pods_go_free_where_nothing_is_lost_by_it() {
        let always = json!({"unhealthyPodEvictionPolicy": "AlwaysAllow"});
        for (spec, status, ready, free) in [
            (json!({}), counted(0, 2, 2), false, true),
            (json!({}), counted(0, 2, 2), true, false),
            (json!({}), counted(0, 1, 2), false, false),
            (json!({}), counted(0, 0, 0), false, false),
            (always.clone(), counted(0, 1, 2), false, true),
            (always, counted(0, 1, 2), true, false),
        ] {
            assert_eq!(verdict(spec.clone(), status.clone(), ready) == Ok(Verdict::Free), free, "{spec} {status} {ready}");
        }
    }

    #[test]
    fn a_disruption_is_spent() {
        let Ok(Verdict::Spend(status)) = verdict(json!({}), counted(2, 3, 1), true) else { panic!("two are allowed") };
        assert_eq!(status, json!({"disruptionsAllowed": 1, "disruptedPods": {"web": "2026-11-20T12:00:00Z"}}));
        let Ok(Verdict::Spend(status)) = verdict(json!({}), counted(1, 2, 1), true) else { panic!("one is allowed") };
        assert_eq!(status["conditions"][0]["reason"], "InsufficientPods");
    }
}
