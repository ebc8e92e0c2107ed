//! Removes images that no container uses, the longest unused first, when their disk fills up
//! (kubernetes pkg/kubelet/images/image_gc_manager.go).

use crate::config::Config;
use crate::events::Events;
use images::{Image, ImageService};
use meta::Time;
use meta::time::SharedClock;
use parking_lot::Mutex;
use reconcile::EventType::Warning;
use runtime::cri::ContainerRuntime;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// kubelet's `ImageGCPeriod`.
const EVERY: Duration = Duration::from_secs(300);

/// As a KubeletConfiguration says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageGcPolicy {
    /// From this much on images go.
    pub high_percent: u64,
    /// Until no more than this is used.
    pub low_percent: u64,
    /// An image that came later may be about to be used.
    pub min_age_s: i64,
}

impl Default for ImageGcPolicy {
    fn default() -> Self {
        Self { high_percent: 85, low_percent: 80, min_age_s: 120 }
    }
}

/// What is known of an image beyond what its store says.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// None: it was here before this kubelet.
    detected: Option<Time>,
    used: Option<Time>,
    size: u64,
    pinned: bool,
}

pub struct ImageCollector {
    policy: ImageGcPolicy,
    runtime: Arc<dyn ContainerRuntime>,
    images: Arc<dyn ImageService>,
    events: Events,
    clock: SharedClock,
    records: Mutex<Option<HashMap<String, Record>>>,
}

impl ImageCollector {
    pub fn new(
        config: &Config,
        runtime: Arc<dyn ContainerRuntime>,
        images: Arc<dyn ImageService>,
        events: Events,
        clock: SharedClock,
    ) -> Self {
        Self { policy: config.image_gc, runtime, images, events, clock, records: Mutex::default() }
    }

    /// Until stopped.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let work = async {
            loop {
                if let Err(why) = self.collect().await {
                    self.events.node(Warning, "ImageGCFailed", why);
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Everything that nobody uses, whatever the disk is like.
    pub async fn delete_unused(&self) {
        match self.free(u64::MAX).await {
            Ok(bytes) => tracing::info!(bytes, "unused images were removed"),
            Err(error) => tracing::warn!(error, "unused images are not removed"),
        }
    }

    async fn collect(&self) -> Result<(), String> {
        let (used, free) = self.images.file_system().await.map_err(|error| error.to_string())?;
        let capacity = used.saturating_add(free);
        if capacity == 0 {
            return Err("invalid capacity 0 on image filesystem".into());
        }
        self.detect().await?;
        let Some(wanted) = excess(self.policy, free, capacity) else { return Ok(()) };
        let freed = self.free(wanted).await?;
        if freed < wanted {
            let why = format!(
                "Failed to garbage collect required amount of images. Attempted to free {wanted} bytes, but only found {freed} \
                 bytes eligible to free."
            );
            self.events.node(Warning, "FreeDiskSpaceFailed", why.clone());
            return Err(why);
        }
        Ok(())
    }

    /// Looks which images there are, and which are used. When this was.
    async fn detect(&self) -> Result<Time, String> {
        let images = self.images.list_images().await.map_err(|error| error.to_string())?;
        let containers = self.runtime.list_containers().await.map_err(|error| error.to_string())?;
        let used: HashSet<String> = containers.into_iter().map(|container| container.config.image.id).collect();
        let now = self.clock.now();
        let mut records = self.records.lock();
        *records = Some(detected(records.take(), &images, &used, now));
        Ok(now)
    }

    /// How much was freed.
    async fn free(&self, wanted: u64) -> Result<u64, String> {
        let now = self.detect().await?;
        let unused = unused(self.records.lock().iter().flatten(), self.policy.min_age_s, now);
        let (mut freed, mut failed) = (0_u64, None);
        for (id, size) in unused {
            if freed >= wanted {
                break;
            }
            match self.images.remove_image(&id).await {
                Ok(()) => freed += size,
                Err(error) => failed = Some(error.to_string()),
            }
        }
        match failed {
            Some(why) if freed < wanted && wanted != u64::MAX => {
                Err(format!("wanted to free {wanted} bytes, but freed {freed} bytes space with errors in image deletion: {why}"))
            }
            _ => Ok(freed),
        }
    }
}

/// How much must go, if the disk is too full.
fn excess(policy: ImageGcPolicy, free: u64, capacity: u64) -> Option<u64> {
    let percent = |share: u64| u64::try_from(u128::from(capacity) * u128::from(share) / 100).unwrap_or(u64::MAX);
    let used_percent = 100 - u128::from(free) * 100 / u128::from(capacity);
    let wanted = percent(100_u64.saturating_sub(policy.low_percent)).saturating_sub(free);
    (used_percent >= u128::from(policy.high_percent) && wanted > 0).then_some(wanted)
}

/// `before`: None at the first look.
fn detected(
    before: Option<HashMap<String, Record>>,
    images: &[Image],
    used: &HashSet<String>,
    now: Time,
) -> HashMap<String, Record> {
    let first = if before.is_none() { None } else { Some(now) };
    let before = before.unwrap_or_default();
    let record = |image: &Image| {
        let known = before.get(&image.id);
        let record = Record {
            detected: known.map_or(first, |known| known.detected),
            used: if used.contains(&image.id) { Some(now) } else { known.and_then(|known| known.used) },
            size: image.size_bytes,
            pinned: image.pinned,
        };
        (image.id.clone(), record)
    };
    images.iter().map(record).collect()
}

/// Images that may go with their sizes: the longest unused first, then the oldest.
fn unused<'a>(records: impl Iterator<Item = (&'a String, &'a Record)>, min_age_s: i64, now: Time) -> Vec<(String, u64)> {
    let old = |record: &Record| record.detected.is_none_or(|then| now.seconds_since(then) >= min_age_s);
    let mut unused: Vec<_> = records.filter(|(_, record)| !record.pinned && record.used != Some(now) && old(record)).collect();
    unused.sort_by_key(|(id, record)| (record.used, record.detected, *id));
    unused.into_iter().map(|(id, record)| (id.clone(), record.size)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_emptied_to_the_lower_mark() {
        for (free, expected) in [(16, None), (15, Some(5)), (0, Some(20)), (100, None)] {
            assert_eq!(excess(ImageGcPolicy::default(), free, 100), expected, "{free} free");
        }
    }

    #[test]
    fn the_longest_unused_go_first() {
        let image = |id: &str, pinned| Image { id: id.into(), size_bytes: 10, pinned, ..Image::default() };
        let at = Time::from_unix;
        let used = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<HashSet<_>>();
        let old = [image("a", false), image("b", false), image("kept", true)];
        let first = detected(None, &old, &used(&["a"]), at(1000));
        let with_new = [&old[..], &[image("c", false), image("d", false)]].concat();
        let second = detected(Some(first), &with_new, &used(&["b"]), at(1100));
        let names = |records: &HashMap<String, Record>, now| {
            unused(records.iter(), 120, now).into_iter().map(|(id, _)| id).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&second, at(1100)), "a", "b is used, c and d are new");
        let third = detected(Some(second), &with_new, &used(&["d"]), at(1220));
        assert_eq!(names(&third, at(1220)), "c a b", "c was never used, a before b");
        let gone = detected(Some(third), &old[..1], &used(&[]), at(1230));
        assert_eq!(gone.len(), 1, "what is gone is forgotten");
    }
}
