//! Images of containers: what is here, what is pulled, and how long a failed pull is left alone
//! (kubernetes pkg/kubelet/images/image_manager.go).

use super::backoff::Backoffs;
use super::cx::Cx;
use super::pull_secrets;
use super::trouble::{INSPECT, INVALID_NAME, NEVER_PULL, PULL, PULL_BACKOFF, Trouble};
use crate::pod::{ContainerView, PodView, PullPolicy};
use images::{Credentials, Image, PullError};
use reconcile::EventType::{Normal, Warning};
use std::collections::HashMap;
use std::time::Duration;

/// What pulls of one pod have come to.
#[derive(Default)]
pub struct Pulls {
    pub backoffs: Backoffs,
    errors: HashMap<String, String>,
}

impl Pulls {
    pub async fn ensure(&mut self, cx: &Cx, pod: &PodView, container: ContainerView<'_>) -> Result<Image, Trouble> {
        let name = container.image();
        let say = |level, reason, message: String| cx.events.container(pod, container, level, reason, message);
        let present = match cx.images.image_status(name).await {
            Ok(present) => present,
            Err(error) => return Err(inspection(name, &error, say)),
        };
        match (container.pull_policy(), present) {
            (PullPolicy::Never | PullPolicy::IfNotPresent, Some(image)) => {
                let message = format!("Container image {name:?} already present on machine and can be accessed by the pod");
                say(Normal, "Pulled", message);
                Ok(image)
            }
            (PullPolicy::Never, None) => {
                let message = format!("Container image {name:?} is not present with pull policy of Never");
                say(Warning, NEVER_PULL, message.clone());
                Err(Trouble::new(NEVER_PULL, message))
            }
            _ => self.pull(cx, pod, container).await,
        }
    }

    async fn pull(&mut self, cx: &Cx, pod: &PodView, container: ContainerView<'_>) -> Result<Image, Trouble> {
        let name = container.image();
        let say = |level, reason, message: String| cx.events.container(pod, container, level, reason, message);
        if self.backoffs.waiting_since_noted(name, cx.clock.now()).is_some() {
            let message = format!("Back-off pulling image {name:?}");
            say(Normal, "BackOff", message.clone());
            let why = self.errors.get(name).map(|error| format!("{message}: {error}")).unwrap_or(message);
            return Err(Trouble::new(PULL_BACKOFF, why));
        }
        say(Normal, "Pulling", format!("Pulling image {name:?}"));
        let started = tokio::time::Instant::now();
        match pull_with_any(cx, name, &pull_secrets::of_pod(cx, pod, name).await).await {
            Ok(image) => {
                let took = started.elapsed();
                let size = image.size_bytes;
                say(Normal, "Pulled", pulled_message(name, took, size));
                self.errors.remove(name);
                self.backoffs.forget(name);
                Ok(image)
            }
            Err(error) => {
                say(Warning, "Failed", format!("Failed to pull image {name:?}: {error}"));
                let now = cx.clock.now();
                self.backoffs.next(name, now, now);
                self.errors.insert(name.to_owned(), format!("{PULL}: {error}"));
                Err(Trouble::new(PULL, error.to_string()))
            }
        }
    }
}

/// Go's way of a duration of whole milliseconds.
fn pulled_message(name: &str, took: Duration, size: u64) -> String {
    let took = match took.as_millis() {
        millis @ 0..1000 => format!("{millis}ms"),
        millis => format!("{}s", (millis as f64) / 1000.0),
    };
    format!("Successfully pulled image {name:?} in {took} ({took} including waiting). Image size: {size} bytes.")
}

async fn pull_with_any(cx: &Cx, name: &str, all: &[Credentials]) -> Result<Image, PullError> {
    for credentials in all {
        match cx.images.pull_image(name, Some(credentials)).await {
            Err(PullError::Refused { .. }) => {}
            other => return other,
        }
    }
    cx.images.pull_image(name, None).await
}

fn inspection(name: &str, error: &PullError, say: impl Fn(reconcile::EventType, &'static str, String)) -> Trouble {
    let (reason, message) = match error {
        PullError::InvalidName(_) => {
            let why = "invalid reference format";
            (INVALID_NAME, format!("Failed to apply default image tag {name:?}: couldn't parse image name {name:?}: {why}"))
        }
        _ => (INSPECT, format!("Failed to inspect image {name:?}: {error}")),
    };
    say(Warning, "InspectFailed", message.clone());
    Trouble::new(reason, message)
}

/// What `containerStatuses` shows: a name with its registry, and the digest where there is one.
pub fn shown(image: &Image, asked: &str) -> (String, String) {
    let name = image.repo_tags.first().cloned().unwrap_or_else(|| asked.to_owned());
    let reference = image.repo_digests.first().cloned().unwrap_or_else(|| image.id.clone());
    (name, reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_reads_as_go_prints_it() {
        for (millis, text) in [(7, "7ms"), (1500, "1.5s"), (61_000, "61s")] {
            let message = pulled_message("a", Duration::from_millis(millis), 9);
            assert_eq!(
                message,
                format!("Successfully pulled image \"a\" in {text} ({text} including waiting). Image size: 9 bytes.")
            );
        }
    }
}
