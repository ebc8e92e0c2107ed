//! One kind of one minor, as the promises below see it.

use crate::minimal;
use crate::world::{NS, Recorder, World, options};
use api::ResourceDef;
use client::{Body, Call, Client, DeleteOptions, List, Options, PatchKind, Propagation, Reply, ReplyBody, Verb};
use meta::{Doc, Object, Status};
use serde_json::json;
use std::fmt::Debug;
use std::sync::Arc;

/// Why a promise was not kept.
#[derive(Debug)]
pub struct Broken(pub String);

pub type Check<T = ()> = Result<T, Broken>;

impl From<Status> for Broken {
    fn from(status: Status) -> Self {
        Self(format!("{} {}", status.code(), status.message))
    }
}

pub fn same<T: PartialEq + Debug>(what: &str, got: T, expected: T) -> Check {
    if got == expected { Ok(()) } else { Err(Broken(format!("{what}: got {got:?}, expected {expected:?}"))) }
}

/// The refusal's code and text.
pub fn refused<T>(what: &str, outcome: Result<T, Status>, code: u16, text: &str) -> Check {
    match outcome {
        Ok(_) => Err(Broken(format!("{what}: was allowed"))),
        Err(status) => same(what, (status.code(), status.message.as_str()), (code, text)),
    }
}

/// Kinds that the generic promises are not about, each with its reason.
pub const SKIPPED: &str = include_str!("skipped.txt");

pub fn is_skipped(def: &ResourceDef) -> bool {
    SKIPPED.lines().any(|line| line.split_once(' ').is_some_and(|(kind, _)| kind == def.kind))
}

pub struct Kind<'w> {
    pub world: &'w World,
    pub def: Arc<ResourceDef>,
    pub client: Client,
}

impl<'w> Kind<'w> {
    /// Every kind of the world's minor that is not skipped.
    pub fn all(world: &'w World, seen: &Recorder) -> Vec<Self> {
        let client = seen.client(world.admin());
        let kept = world.catalog.iter().filter(|def| !is_skipped(def));
        kept.map(|def| Self { world, def: def.clone(), client: client.clone() }).collect()
    }

    pub fn shown(&self) -> String {
        format!("1.{} {} {}", self.world.catalog.minor(), self.def.api_version(), self.def.kind)
    }

    pub fn ns(&self) -> &'static str {
        if self.def.namespaced { NS } else { "" }
    }

    /// A minimal valid object, labelled with the promise that it is for.
    pub fn doc(&self, suite: &str, name: &str) -> Doc {
        let mut doc = minimal::object(&self.def);
        doc["metadata"] = json!({"name": self.name(name), "labels": {"suite": suite}});
        let about = json!({"kind": "Pod", "name": "a", "namespace": NS});
        match self.def.kind.as_str() {
            "Event" => {
                let object = if self.def.gvr.group.is_empty() { "involvedObject" } else { "regarding" };
                doc[object] = about;
                doc["eventTime"] = json!("2026-11-20T10:00:00.000000Z");
                if self.def.gvr.group.is_empty() {
                    doc["reportingComponent"] = doc["reportingController"].take();
                    doc.as_object_mut().expect("an object").remove("reportingController");
                }
            }
            "CertificateSigningRequest" => doc["spec"]["signerName"] = json!("example.com/suite"),
            "VolumeAttachment" => doc["spec"]["source"] = json!({"persistentVolumeName": "a"}),
            _ => {}
        }
        doc
    }

    /// A few kinds have rules for what their objects may be called.
    pub fn name(&self, name: &str) -> String {
        match self.def.kind.as_str() {
            "IPAddress" => {
                let octet = |skip: usize| name.bytes().skip(skip).step_by(2).fold(7u8, |sum, b| sum.wrapping_mul(31) ^ b);
                format!("192.168.{}.{}", octet(0), octet(1))
            }
            // Two versions of one stored kind share their names.
            _ if self.def.stored_as.is_some() => format!("{name}-b"),
            _ => name.to_owned(),
        }
    }

    pub fn call(&self, verb: Verb, name: &str) -> Call {
        Call::new(verb, self.def.gvr.clone(), self.ns(), name)
    }

    pub async fn object(&self, call: Call) -> Check<Doc> {
        match self.client.call(call).await?.body {
            ReplyBody::Object(object) => Ok(object.to_doc()),
            other => Err(Broken(format!("not an object: {other:?}"))),
        }
    }

    pub async fn create(&self, doc: Doc) -> Check<Doc> {
        self.object(self.call(Verb::Create, "").body(doc)).await
    }

    pub async fn get(&self, name: &str) -> Check<Doc> {
        self.object(self.call(Verb::Get, name)).await
    }

    pub async fn update(&self, doc: Doc) -> Check<Doc> {
        self.object(self.put(doc)).await
    }

    pub fn put(&self, doc: Doc) -> Call {
        let name = doc["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.call(Verb::Update, &name).body(doc)
    }

    pub fn patch(&self, name: &str, kind: PatchKind, patch: Doc) -> Call {
        let mut call = self.call(Verb::Patch, name);
        call.body = Body::Patch(kind, patch);
        call
    }

    /// Sets or, with null, removes a label.
    pub async fn label(&self, name: &str, key: &str, value: Doc) -> Check<Doc> {
        self.object(self.patch(name, PatchKind::Merge, json!({"metadata": {"labels": {key: value}}}))).await
    }

    pub async fn list(&self, options: Options) -> Check<List> {
        match self.client.call(self.call(Verb::List, "").options(options)).await?.body {
            ReplyBody::List(list) => Ok(list),
            other => Err(Broken(format!("not a list: {other:?}"))),
        }
    }

    pub async fn delete(&self, name: &str, options: Options) -> Result<Reply, Status> {
        self.client.call(self.call(Verb::Delete, name).options(options)).await
    }

    /// Deletes for good, whatever the kind's finalizers and default propagation.
    pub async fn remove(&self, name: &str) -> Check {
        self.delete(name, background()).await?;
        self.finalize(name).await
    }

    /// A namespace goes when its last finalizer goes.
    pub async fn finalize(&self, name: &str) -> Check {
        if self.def.kind == "Namespace" && self.def.gvr.group.is_empty() {
            let mut doc = self.get(name).await?;
            doc["spec"]["finalizers"] = json!([]);
            self.object(self.put(doc).subresource("finalize")).await?;
        }
        Ok(())
    }

    /// Whether a delete leaves the object waiting for somebody else.
    pub fn lingers(&self) -> bool {
        self.def.kind == "Namespace"
    }
}

pub fn background() -> Options {
    options(|o| o.delete = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() })
}

pub fn selecting(suite: &str) -> Options {
    options(|o| o.label_selector = format!("suite={suite}"))
}

pub fn names(items: &[Arc<Object>]) -> Vec<&str> {
    items.iter().map(|o| o.meta.name.as_str()).collect()
}

pub fn version(doc: &Doc) -> &str {
    doc["metadata"]["resourceVersion"].as_str().unwrap_or_default()
}
