//! Which container of a pod a stream is about (kubernetes `pkg/registry/core/pod/strategy.go` validateContainer).

use meta::status::Result;
use meta::{Doc, Status};

fn names(pod: &Doc) -> Vec<&str> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let all = lists.iter().filter_map(|list| pod["spec"][list].as_array()).flatten();
    all.filter_map(|container| container["name"].as_str()).collect()
}

/// The one that was asked for, or the only one there is.
pub(super) fn choose(pod: &Doc, asked: &str) -> Result<String> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let all = names(pod);
    if !asked.is_empty() {
        return match all.contains(&asked) {
            true => Ok(asked.to_owned()),
            false => Err(Status::bad_request(format!("container {asked} is not valid for pod {name}"))),
        };
    }
    match pod["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default() {
        [only] => Ok(only["name"].as_str().unwrap_or_default().to_owned()),
        [] => Err(Status::bad_request(format!("a container name must be specified for pod {name}"))),
        _ => {
            let all = all.join(" ");
            Err(Status::bad_request(format!("a container name must be specified for pod {name}, choose one of: [{all}]")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_is_named_or_the_only_one() {
        let one = json!([{"name": "a"}]);
        let two = json!([{"name": "a"}, {"name": "b"}]);
        for (containers, asked, expected) in [
            (&one, "", "a"),
            (&two, "b", "b"),
            (&two, "init", "init"),
            (&two, "", "a container name must be specified for pod p, choose one of: [init a b]"),
            (&two, "c", "container c is not valid for pod p"),
            (&json!([]), "", "a container name must be specified for pod p"),
        ] {
            let pod =
                json!({"metadata": {"name": "p"}, "spec": {"initContainers": [{"name": "init"}], "containers": containers}});
            assert_eq!(choose(&pod, asked).unwrap_or_else(|status| status.message), expected);
        }
    }
}
