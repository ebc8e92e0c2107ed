//! flowcontrol.apiserver.k8s.io/v1 (kubernetes `pkg/apis/flowcontrol/v1/defaults.go`).

use super::row::Row;
use crate::Hooks;
use crate::doc::{View, ensure, set_default, set_default_number, str_at};
use meta::{Doc, FieldErrors};

const API: &str = "flowcontrol.apiserver.k8s.io/v1";
const SHARES: i64 = 30;
const PRECEDENCE: i64 = 1000;
const PRECEDENCE_MAX: i64 = 10_000;

pub const FLOW_SCHEMA_ROW: Row = Row::new(API, "FlowSchema").generation().hooks(Hooks {
    default: |doc| set_default_number(ensure(doc, "spec"), "matchingPrecedence", PRECEDENCE),
    validate: validate_flow_schema,
    ..Hooks::NONE
});

pub const PRIORITY_LEVEL_ROW: Row = Row::new(API, "PriorityLevelConfiguration").generation().hooks(Hooks {
    default: default_level,
    validate: validate_level,
    ..Hooks::NONE
});

fn validate_flow_schema(doc: &Doc, errors: &mut FieldErrors) {
    let spec = View::root(doc).get("spec");
    spec.get("matchingPrecedence").in_range(errors, 1, PRECEDENCE_MAX);
    spec.get("priorityLevelConfiguration").get("name").require(errors);
}

fn default_level(doc: &mut Doc) {
    let spec = ensure(doc, "spec");
    match str_at(spec, "/type") {
        "Limited" => {
            let limited = ensure(spec, "limited");
            set_default(limited, "nominalConcurrencyShares", SHARES);
            set_default(limited, "lendablePercent", 0);
            let response = ensure(limited, "limitResponse");
            if str_at(response, "/type") == "Queue" {
                let queuing = ensure(response, "queuing");
                for (field, value) in [("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)] {
                    set_default_number(queuing, field, value);
                }
            }
        }
        "Exempt" => {
            let exempt = ensure(spec, "exempt");
            set_default(exempt, "nominalConcurrencyShares", 0);
            set_default(exempt, "lendablePercent", 0);
        }
        _ => {}
    }
}

fn validate_level(doc: &Doc, errors: &mut FieldErrors) {
    View::root(doc).at("spec.type").one_of(errors, &["Exempt", "Limited"]);
}
