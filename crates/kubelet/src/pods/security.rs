//! A container's security context, from the pod's and its own (kubernetes pkg/securitycontext/util.go,
//! pkg/kubelet/kuberuntime/security_context.go).

use super::trouble::{CREATE_CONFIG, Trouble};
use crate::pod::{ContainerView, PodView, items};
use meta::Doc;
use runtime::cri::{Seccomp, SecurityContext};
use std::path::Path;

/// The container's own word, else the pod's.
fn either<'a>(pod: &'a PodView, container: ContainerView<'a>, field: &str) -> &'a Doc {
    let own = &container.security_context()[field];
    if own.is_null() { &pod.security_context()[field] } else { own }
}

pub async fn context(
    pod: &PodView,
    container: ContainerView<'_>,
    image_user: &str,
    root: &Path,
) -> Result<SecurityContext, Trouble> {
    verify_non_root(pod, container, image_user)?;
    let own = container.security_context();
    let names = |list: &Doc| -> Vec<String> {
        let bare = |name: &Doc| Some(name.as_str()?.trim_start_matches("CAP_").to_owned());
        items(list).iter().filter_map(bare).collect()
    };
    let privileged = own["privileged"].as_bool().unwrap_or(false);
    let unmasked = own["procMount"] == "Unmasked";
    let mut groups: Vec<i64> = items(&pod.security_context()["supplementalGroups"]).iter().filter_map(Doc::as_i64).collect();
    groups.extend(pod.fs_group());
    Ok(SecurityContext {
        privileged,
        run_as_user: either(pod, container, "runAsUser").as_i64(),
        run_as_group: either(pod, container, "runAsGroup").as_i64(),
        supplemental_groups: groups,
        add_capabilities: names(&own["capabilities"]["add"]),
        drop_capabilities: names(&own["capabilities"]["drop"]),
        readonly_rootfs: own["readOnlyRootFilesystem"].as_bool().unwrap_or(false),
        no_new_privileges: own["allowPrivilegeEscalation"] == false,
        seccomp: if privileged { Seccomp::Unconfined } else { seccomp(either(pod, container, "seccompProfile"), root).await? },
        masked_paths: unmasked.then(Vec::new),
        readonly_paths: unmasked.then(Vec::new),
    })
}

/// The runtime's default where nothing is said.
async fn seccomp(profile: &Doc, root: &Path) -> Result<Seccomp, Trouble> {
    match profile["type"].as_str() {
        Some("Unconfined") => Ok(Seccomp::Unconfined),
        Some("Localhost") => {
            let name = profile["localhostProfile"].as_str().unwrap_or("");
            // The API server refuses names with `..`.
            let path = root.join("var/lib/kubelet/seccomp").join(name.trim_start_matches('/'));
            let text = tokio::fs::read_to_string(&path).await;
            let why = |error| Trouble::new(CREATE_CONFIG, format!("cannot load seccomp profile {name:?}: {error}"));
            text.map(Seccomp::Localhost).map_err(why)
        }
        _ => Ok(Seccomp::RuntimeDefault),
    }
}

/// `runAsNonRoot` is a promise that the kubelet checks before it starts anything.
fn verify_non_root(pod: &PodView, container: ContainerView<'_>, image_user: &str) -> Result<(), Trouble> {
    if *either(pod, container, "runAsNonRoot") != true {
        return Ok(());
    }
    let about = format!("(pod: {:?}, container: {})", pod.long_name(), container.name());
    let refuse = |why: String| Err(Trouble::new(CREATE_CONFIG, format!("{why} {about}")));
    match either(pod, container, "runAsUser").as_i64() {
        Some(0) => return refuse("container's runAsUser breaks non-root policy".into()),
        Some(_) => return Ok(()),
        None => {}
    }
    let user = image_user.split(':').next().unwrap_or("");
    match user.parse::<i64>() {
        Ok(0) => refuse("container has runAsNonRoot and image will run as root".into()),
        Ok(_) => Ok(()),
        Err(_) if user.is_empty() => refuse("container has runAsNonRoot and image will run as root".into()),
        Err(_) => {
            refuse(format!("container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn the_containers_word_wins_and_groups_add_up() {
        let pod = PodView::new(json!({"spec": {
            "securityContext": {"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]},
            "containers": [{"name": "c", "securityContext": {"runAsUser": 7, "capabilities": {"add": ["CAP_NET_RAW"], "drop": ["ALL"]},
                "allowPrivilegeEscalation": false, "seccompProfile": {"type": "Unconfined"}}}]}}));
        let container = pod.container("c").expect("it is there");
        let got = context(&pod, container, "", Path::new("/nowhere")).await.expect("a context");
        assert_eq!((got.run_as_user, got.run_as_group, got.supplemental_groups), (Some(7), Some(2), vec![4, 3]));
        assert_eq!((got.add_capabilities, got.drop_capabilities), (vec!["NET_RAW".to_owned()], vec!["ALL".to_owned()]));
        assert!(got.no_new_privileges && got.seccomp == Seccomp::Unconfined);
    }

    #[test]
    fn non_root_is_verified() {
        let about = "(pod: \"p_n(u)\", container: c)";
        for (user, image_user, expected) in [
            (json!(null), "1000:1000", None),
            (json!(5), "root", None),
            (json!(0), "1000", Some("container's runAsUser breaks non-root policy")),
            (json!(null), "", Some("container has runAsNonRoot and image will run as root")),
            (json!(null), "0", Some("container has runAsNonRoot and image will run as root")),
            (
                json!(null),
                "web",
                Some("container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root"),
            ),
        ] {
            let pod = PodView::new(json!({"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"securityContext":
                {"runAsNonRoot": true, "runAsUser": user}, "containers": [{"name": "c"}]}}));
            let got = verify_non_root(&pod, pod.container("c").expect("it is there"), image_user).err().map(|t| t.message);
            assert_eq!(got, expected.map(|text| format!("{text} {about}")), "{user} {image_user:?}");
        }
    }
}
