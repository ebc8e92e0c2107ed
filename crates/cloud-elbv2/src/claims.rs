//! Names and ports that only one record may have: creating the claim is taking it.
//!
//! A claim whose record was never made, or has gone, is taken over together with its id. So nothing that is cut short can
//! block a name.

use crate::arns::new_id;
use crate::lookup::is_live;
use crate::records::{API_VERSION, LOAD_BALANCER_LABEL, NAMES};
use aws_service::Random;
use aws_service::names::escape;
use client::{Client, DeleteOptions, Options, Preconditions, Resource};
use meta::{Doc, Reason, Status};
use serde_json::json;

/// Two requests at once settle in the first round; more are needed only while a record of the same name goes away.
const ROUNDS: usize = 4;

/// What is claimed.
pub enum Claim<'a> {
    LoadBalancerName(&'a str),
    TargetGroupName(&'a str),
    Port { load_balancer: &'a str, port: u64 },
}

impl Claim<'_> {
    fn record_name(&self) -> String {
        match self {
            Self::LoadBalancerName(name) => format!("lb.{}", escape(name)),
            Self::TargetGroupName(name) => format!("tg.{}", escape(name)),
            Self::Port { load_balancer, port } => format!("port.{load_balancer}.{port}"),
        }
    }

    /// Claims of a load balancer go with it.
    fn labels(&self, id: &str) -> Doc {
        match self {
            Self::LoadBalancerName(_) => json!({LOAD_BALANCER_LABEL: id}),
            Self::TargetGroupName(_) => json!({}),
            Self::Port { load_balancer, .. } => json!({LOAD_BALANCER_LABEL: load_balancer}),
        }
    }
}

pub enum Made {
    New(Doc),
    /// The claim belongs to this record.
    Exists(Doc),
}

/// Where claims and records are made.
pub struct Maker<'a> {
    pub client: &'a Client,
    pub random: &'a dyn Random,
    pub namespace: &'a str,
}

impl Maker<'_> {
    /// Creates the record that `build` makes for an id, unless the claim is another live record's that `holds` it.
    pub async fn make(
        &self,
        resource: Resource,
        claim: &Claim<'_>,
        build: impl Fn(&str) -> Doc,
        holds: impl Fn(&Doc) -> bool,
    ) -> Result<Made, Status> {
        for _ in 0..ROUNDS {
            let id = self.take(claim, &new_id(self.random)).await?;
            let record = build(&id);
            let name = record["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            match self.client.create(resource, self.namespace, record).await {
                Ok(made) => return Ok(Made::New(made.to_doc())),
                Err(status) if status.reason == Reason::AlreadyExists => {}
                Err(status) => return Err(status),
            }
            let found = self.client.find(resource, self.namespace, &name).await?.map(|record| record.to_doc());
            match found.filter(|record| is_live(record) && holds(record)) {
                Some(record) => return Ok(Made::Exists(record)),
                None => self.release(claim, &id).await?,
            }
        }
        Err(Status::new(Reason::Conflict, format!("{} is claimed by others again and again", claim.record_name())))
    }

    /// The id that has the claim from now on: `fresh`, or that of whoever had it first.
    pub async fn take(&self, claim: &Claim<'_>, fresh: &str) -> Result<String, Status> {
        let name = claim.record_name();
        let record = json!({
            "apiVersion": API_VERSION, "kind": "Name", "metadata": {"name": name, "labels": claim.labels(fresh)},
            "spec": {"id": fresh},
        });
        match self.client.create(NAMES, self.namespace, record).await {
            Ok(_) => Ok(fresh.to_owned()),
            Err(status) if status.reason == Reason::AlreadyExists => {
                let found = self.client.find(NAMES, self.namespace, &name).await?;
                let id = found.and_then(|found| found.get("/spec/id").as_str().map(str::to_owned));
                id.ok_or_else(|| Status::new(Reason::Conflict, format!("{name} has just been given back")))
            }
            Err(status) => Err(status),
        }
    }

    /// Gives back a claim that this id has; another's stays.
    pub async fn release(&self, claim: &Claim<'_>, id: &str) -> Result<(), Status> {
        let name = claim.record_name();
        let Some(found) = self.client.find(NAMES, self.namespace, &name).await? else { return Ok(()) };
        let found = found.to_doc();
        if found["spec"]["id"] != id {
            return Ok(());
        }
        let text = |member: &str| found["metadata"][member].as_str().map(str::to_owned);
        let preconditions = Preconditions { uid: text("uid"), resource_version: text("resourceVersion") };
        let options = DeleteOptions { preconditions, ..DeleteOptions::default() };
        match self.client.delete(NAMES, self.namespace, &name, options).await {
            Err(status) if !matches!(status.reason, Reason::NotFound | Reason::Conflict) => Err(status),
            _ => Ok(()),
        }
    }
}

/// Gives back all that a load balancer has claimed.
pub async fn release_all(client: &Client, namespace: &str, load_balancer: &str) -> Result<(), Status> {
    let label_selector = format!("{LOAD_BALANCER_LABEL}={load_balancer}");
    client.delete_collection(NAMES, namespace, Options { label_selector, ..Options::default() }).await
}
