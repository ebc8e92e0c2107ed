//! DefaultTolerationSeconds: pods stay five minutes on a node that stops answering
//! (kubernetes `plugin/pkg/admission/defaulttolerationseconds`).

use super::{Admission, Operation, Plugin};
use crate::server::ApiServer;
use meta::Doc;
use meta::status::Result;
use serde_json::json;

const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const SECONDS: u64 = 300;

pub(super) struct DefaultTolerationSeconds;

#[async_trait::async_trait]
impl Plugin for DefaultTolerationSeconds {
    async fn admit(&self, _: &ApiServer, admission: &Admission<'_>, pod: &mut Doc) -> Result<()> {
        if !admission.is(Operation::Create, "", "pods") && !admission.is(Operation::Update, "", "pods") {
            return Ok(());
        }
        let mut tolerations = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
        for taint in TAINTS {
            if !tolerations.iter().any(|t| tolerates(t, taint)) {
                tolerations
                    .push(json!({ "key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS }));
            }
        }
        pod["spec"]["tolerations"] = tolerations.into();
        Ok(())
    }
}

fn tolerates(toleration: &Doc, taint: &str) -> bool {
    let key = toleration["key"].as_str().unwrap_or_default();
    let effect = toleration["effect"].as_str().unwrap_or_default();
    (key.is_empty() || key == taint) && (effect.is_empty() || effect == "NoExecute")
}
