//! TaintNodesByCondition: a new node takes no pods until it is ready (kubernetes `plugin/pkg/admission/nodetaint`).

use super::{Admission, Operation, Plugin};
use crate::server::ApiServer;
use meta::Doc;
use meta::status::Result;
use serde_json::json;

const NOT_READY: &str = "node.kubernetes.io/not-ready";

pub(super) struct TaintNodesByCondition;

#[async_trait::async_trait]
impl Plugin for TaintNodesByCondition {
    async fn admit(&self, _: &ApiServer, admission: &Admission<'_>, node: &mut Doc) -> Result<()> {
        if !admission.is(Operation::Create, "", "nodes") {
            return Ok(());
        }
        let taint = json!({ "key": NOT_READY, "effect": "NoSchedule" });
        let same = |t: &Doc| t["key"] == NOT_READY && t["effect"] == "NoSchedule";
        match node["spec"]["taints"].as_array_mut() {
            Some(taints) if taints.iter().any(same) => {}
            Some(taints) => taints.push(taint),
            None => node["spec"]["taints"] = json!([taint]),
        }
        Ok(())
    }
}
