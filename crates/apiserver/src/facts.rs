//! Small answers about the server itself.

use crate::server::ApiServer;
use api::ResourceDef;
use client::Target;
use meta::time::SharedClock;
use meta::{Doc, Time};
use serde_json::json;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl ApiServer {
    pub(crate) fn definition(&self, target: &Target) -> Option<Arc<ResourceDef>> {
        self.published.catalog.by_gvr(&target.resource)
    }

    pub(crate) fn takes_strategic(&self, target: &Target) -> bool {
        self.definition(target).is_some_and(|def| self.published.catalog.type_of(&def).is_some())
    }

    /// Records have no protobuf form. What is not served at all is refused later, as not found.
    pub(crate) fn takes_protobuf(&self, target: &Target) -> bool {
        self.definition(target).is_none_or(|def| self.published.catalog.type_of(&def).is_some())
    }

    pub(crate) fn schema(&self) -> &schema::Schema {
        self.published.catalog.schema()
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(crate) fn shared_clock(&self) -> SharedClock {
        self.clock.clone()
    }

    /// Between `least` and twice as long, so that watches opened together do not end together.
    pub(crate) fn watch_seconds(&self, least: u64) -> u64 {
        least + self.random() % least
    }

    /// `/version`, as version.Info of k8s.io/apimachinery.
    pub(crate) fn version(&self) -> Doc {
        json!({
            "major": "1", "minor": self.config.minor.to_string(), "gitVersion": self.config.git_version,
            "emulationMajor": "1", "emulationMinor": self.config.minor.to_string(),
            "minCompatibilityMajor": "1", "minCompatibilityMinor": (self.config.minor - 1).to_string(),
            "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "rustc",
            "platform": format!("{}/{}", std::env::consts::OS, go_arch()),
        })
    }

    pub(crate) fn openid_configuration(&self) -> Doc {
        let issuer = &self.authenticators.issuer;
        issuer.discovery(&format!("{}/openid/v1/jwks", issuer.url().trim_end_matches('/')))
    }

    pub(crate) fn is_following(&self) -> bool {
        self.following.load(Ordering::Acquire)
    }

    pub(crate) fn is_bootstrapped(&self) -> bool {
        self.bootstrapped.load(Ordering::Acquire)
    }

    /// Prometheus' text format, under upstream's names.
    pub(crate) fn metrics(&self) -> String {
        let mut out = String::from("# TYPE apiserver_storage_objects gauge\n# TYPE apiserver_longrunning_requests gauge\n");
        for def in self.published.catalog.iter().filter(|def| def.stored_as.is_none()) {
            if let Some(cache) = self.caches.of(&def.gvr) {
                let resource = def.group_resource();
                // Writing to a String cannot fail.
                let _ = writeln!(out, "apiserver_storage_objects{{resource=\"{resource}\"}} {}", cache.len());
                if cache.watchers() > 0 {
                    let (group, plural) = (&def.gvr.group, &def.gvr.resource);
                    // As above.
                    let _ = writeln!(
                        out,
                        "apiserver_longrunning_requests{{group=\"{group}\",resource=\"{plural}\",verb=\"WATCH\"}} {}",
                        cache.watchers()
                    );
                }
            }
        }
        out
    }
}

fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
