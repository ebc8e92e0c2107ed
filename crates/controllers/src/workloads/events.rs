//! Events that hold nothing up: said in tasks of their own.

use super::Kind;
use crate::context::Cx;
use meta::Object;
use reconcile::{EventType, Recorder};
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// A controller's voice on objects of one kind.
#[derive(Clone)]
pub(crate) struct Events {
    recorder: Arc<Recorder>,
    kind: Kind,
    tasks: TaskTracker,
}

impl Events {
    pub fn new(cx: &Cx, controller: &'static str, kind: Kind) -> Self {
        Self::named(cx, controller, controller, kind)
    }

    /// Speaks as `component`, with the rights of `controller`.
    pub fn named(cx: &Cx, controller: &'static str, component: &'static str, kind: Kind) -> Self {
        Self { recorder: Arc::new(cx.recorder(controller, component)), kind, tasks: cx.context.runtime.tasks.clone() }
    }

    pub fn normal(&self, about: &Arc<Object>, reason: impl Into<String>, message: String) {
        self.say(about, EventType::Normal, reason, message);
    }

    pub fn warning(&self, about: &Arc<Object>, reason: impl Into<String>, message: String) {
        self.say(about, EventType::Warning, reason, message);
    }

    pub fn say(&self, about: &Arc<Object>, level: EventType, reason: impl Into<String>, message: String) {
        let reason = reason.into();
        let (recorder, about, kind) = (self.recorder.clone(), about.clone(), self.kind);
        self.tasks.spawn(async move {
            let written = recorder.record(&about, (kind.api_version, kind.kind), level, &reason, &message).await;
            if let Err(status) = written {
                tracing::debug!(%status, reason, "cannot record an event");
            }
        });
    }
}
