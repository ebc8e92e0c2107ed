//! Listeners as ELB describes them.

use meta::Doc;
use serde_json::json;

pub fn listener(record: &Doc) -> Doc {
    let spec = &record["spec"];
    let actions = spec["defaultActions"].as_array().into_iter().flatten().map(|action| {
        let group = &action["targetGroupArn"];
        json!({
            "Type": action["type"], "TargetGroupArn": group,
            "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": group}]},
        })
    });
    json!({
        "ListenerArn": spec["arn"], "LoadBalancerArn": spec["loadBalancerArn"], "Port": spec["port"],
        "Protocol": spec["protocol"], "DefaultActions": actions.collect::<Vec<_>>(),
    })
}
