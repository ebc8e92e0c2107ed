//! How a container is started: image, configuration, creation, start, postStart
//! (kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go, startContainer).

use super::cx::Cx;
use super::image::{Pulls, shown};
use super::observed::{CONTAINER_NAME, IMAGE, IMAGE_REF, IMAGE_SHOWN, Observed, POD_NAME, POD_NAMESPACE, POD_UID};
use super::security;
use super::trouble::{CREATE, CREATE_CONFIG, RUN, Trouble};
use crate::cgroup;
use crate::environment::expand;
use crate::parts::{EnvFacts, Prepared};
use crate::pod::{ContainerView, PodView};
use images::Image;
use reconcile::EventType::{Normal, Warning};
use runtime::cri::{ContainerConfig, ImageSource, SandboxStatus};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a container is started.
pub struct Ground<'a> {
    pub pod: &'a PodView,
    pub sandbox: &'a SandboxStatus,
    pub prepared: &'a Prepared,
    pub observed: &'a Observed,
}

/// Starts it and says its id. On failure the reason that `state.waiting` shows; the runtime may know the container then.
pub async fn start(
    cx: &Cx,
    ground: &Ground<'_>,
    pulls: &mut Pulls,
    container: ContainerView<'_>,
    attempt: u32,
) -> Result<String, Trouble> {
    let pod = ground.pod;
    let fail = |trouble: &Trouble, text: &str| {
        if matches!(trouble.reason, CREATE_CONFIG | CREATE | RUN) || text != trouble.message {
            cx.events.container(pod, container, Warning, "Failed", format!("Error: {text}"));
        }
    };
    let image = match pulls.ensure(cx, pod, container).await {
        Ok(image) => image,
        Err(trouble) => {
            fail(&trouble, trouble.reason);
            return Err(trouble);
        }
    };
    let config = match config(cx, ground, container, &image, attempt).await {
        Ok(config) => config,
        Err(trouble) => {
            fail(&trouble, &trouble.message);
            return Err(trouble);
        }
    };
    let made = cx.runtime.create_container(&ground.sandbox.config.id, &config).await;
    if let Err(error) = made {
        let trouble = Trouble::new(CREATE, error.to_string());
        fail(&trouble, &trouble.message);
        return Err(trouble);
    }
    cx.events.container(pod, container, Normal, "Created", "Container created");
    if let Err(error) = cx.runtime.start_container(&config.id).await {
        let trouble = Trouble::new(RUN, error.to_string());
        fail(&trouble, &trouble.message);
        return Err(trouble);
    }
    cx.events.container(pod, container, Normal, "Started", "Container started");
    link_log(cx, pod, &config).await;
    Ok(config.id)
}

async fn config(
    cx: &Cx,
    ground: &Ground<'_>,
    container: ContainerView<'_>,
    image: &Image,
    attempt: u32,
) -> Result<ContainerConfig, Trouble> {
    let pod = ground.pod;
    let refuse = |text: String| Trouble::new(CREATE_CONFIG, text);
    let security = security::context(pod, container, &image.user, &cx.config.root).await?;
    let addresses = &ground.observed.addresses;
    let facts = EnvFacts { pod_ips: addresses.clone(), host_ips: cx.config.addresses.clone() };
    let env = cx.environment.build(pod, container, &facts).await.map_err(|error| refuse(error.to_string()))?;
    let mounts = cx.volumes.mounts(pod, ground.prepared, container, addresses).await.map_err(|error| refuse(error.message))?;
    let expanded = |list: Vec<String>| list.iter().map(|text| expand(text, |name| value(&env, name))).collect();
    let log_path = log_path(cx, pod, container.name(), attempt);
    if let Some(directory) = log_path.parent().filter(|_| cx.config.has_disk()) {
        tokio::fs::create_dir_all(directory).await.map_err(|error| Trouble::new(CREATE, format!("log directory: {error}")))?;
    }
    Ok(ContainerConfig {
        id: cx.new_id(),
        name: container.name().into(),
        attempt,
        command: expanded(container.command()),
        args: expanded(container.args()),
        working_dir: container.working_dir().into(),
        env,
        mounts,
        tty: container.flag("tty"),
        stdin: container.flag("stdin"),
        stdin_once: container.flag("stdinOnce"),
        log_path,
        log_max_bytes: cx.config.container_log_max_bytes,
        log_max_files: cx.config.container_log_max_files,
        security,
        resources: cgroup::of_container(container),
        stop_signal: container.lifecycle()["stopSignal"].as_str().unwrap_or("").into(),
        labels: labels(pod, container),
        annotations: annotations(container, image),
        image: source(image),
    })
}

fn source(image: &Image) -> ImageSource {
    ImageSource {
        id: image.id.clone(),
        layers: image.layers.clone(),
        entrypoint: image.entrypoint.clone(),
        cmd: image.cmd.clone(),
        env: image.env.clone(),
        working_dir: image.working_dir.clone(),
        user: image.user.clone(),
        stop_signal: image.stop_signal.clone(),
    }
}

fn labels(pod: &PodView, container: ContainerView<'_>) -> BTreeMap<String, String> {
    [(POD_NAME, pod.name()), (POD_NAMESPACE, pod.namespace()), (POD_UID, pod.uid()), (CONTAINER_NAME, container.name())]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

fn annotations(container: ContainerView<'_>, image: &Image) -> BTreeMap<String, String> {
    let (name, reference) = shown(image, container.image());
    [(IMAGE, container.image().to_owned()), (IMAGE_SHOWN, name), (IMAGE_REF, reference)]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
}

/// `<root>/var/log/pods/<namespace>_<name>_<uid>/<container>/<attempt>.log`
fn log_path(cx: &Cx, pod: &PodView, container: &str, attempt: u32) -> PathBuf {
    cx.config.log_directory(pod.namespace(), pod.name(), pod.uid()).join(container).join(format!("{attempt}.log"))
}

/// `/var/log/containers/<pod>_<namespace>_<container>-<id>.log`, which log collectors read.
fn link_name(pod: &PodView, config: &ContainerConfig) -> String {
    format!("{}_{}_{}-{}.log", pod.name(), pod.namespace(), config.name, config.id)
}

async fn link_log(cx: &Cx, pod: &PodView, config: &ContainerConfig) {
    if !cx.config.has_disk() {
        return;
    }
    let directory = cx.config.root.join("var/log/containers");
    let Ok(beneath) = config.log_path.strip_prefix(cx.config.root.join("var/log")) else { return };
    let target = Path::new("..").join(beneath);
    let made = async {
        tokio::fs::create_dir_all(&directory).await?;
        tokio::fs::symlink(&target, directory.join(link_name(pod, config))).await
    };
    if let Err(error) = made.await {
        tracing::debug!(%error, container = config.name, "no link to the log");
    }
}

/// Removes the logs of a pod, and the links to those of its containers, whatever their ids.
pub async fn remove_logs(cx: &Cx, observed: &Observed, pod: &PodView) -> std::io::Result<()> {
    if !cx.config.has_disk() {
        return Ok(());
    }
    let directory = cx.config.root.join("var/log/containers");
    for container in &observed.containers {
        // A link that is not there needs no removal; one that stays points nowhere.
        drop(tokio::fs::remove_file(directory.join(link_name(pod, &container.config))).await);
    }
    match tokio::fs::remove_dir_all(cx.config.log_directory(pod.namespace(), pod.name(), pod.uid())).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn value(env: &[(String, String)], name: &str) -> Option<String> {
    env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_commands() {
        let env = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), String::new())];
        for (text, expected) in [
            ("plain", "plain"),
            ("$(A)-$(B)-", "1--"),
            ("$(NONE)", "$(NONE)"),
            ("$$(A)", "$(A)"),
            ("$A ${A} $", "$A ${A} $"),
            ("$(A", "$(A"),
        ] {
            assert_eq!(expand(text, |name| value(&env, name)), expected, "{text}");
        }
    }
}
