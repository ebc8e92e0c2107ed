//! Makes a stack true in records, round by round, and takes it away.

use super::plan::{Change, Seen, Step, plan};
use super::{Stack, StackGroup};
use crate::arns::Place;
use crate::attributes::{self, LOAD_BALANCER, TARGET_GROUP};
use crate::claims::{Claim, Made, Maker};
use crate::listeners::{check, record};
use crate::load_balancers::{NewLoadBalancer, zones};
use crate::lookup::{all, is_live, listeners_of, name_of, text};
use crate::records::{LISTENERS, LOAD_BALANCERS, STACK_LABEL, TARGET_GROUPS};
use crate::target_groups::{self, NewTargetGroup, health_check};
use aws_service::records::amend;
use aws_service::{Failure, SharedRandom};
use aws_wire::AwsError;
use client::{Client, DeleteOptions, Options, Resource};
use meta::time::SharedClock;
use meta::{Doc, Reason, Status};
use reconcile::gone_is_done;
use serde_json::json;

/// Two rounds make a stack; the others are for what others do meanwhile.
const ROUNDS: usize = 5;

pub struct Stacks {
    client: Client,
    host: String,
    clock: SharedClock,
    random: SharedRandom,
}

/// How far a stack is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Its load balancer is being deleted from now on.
    Begun,
    /// Its load balancer is still there; its record's end is what to wait for.
    Going,
    Gone,
}

impl Stacks {
    /// `client` may change this service's records; `host` is the one that makes them true.
    pub fn new(client: Client, host: &str, clock: SharedClock, random: SharedRandom) -> Self {
        Self { client, host: host.to_owned(), clock, random }
    }

    /// Makes the stack so in a namespace of records. Returns the load balancer's record and what was changed.
    pub async fn ensure(&self, namespace: &str, stack: &Stack) -> Result<(Doc, Change), Failure> {
        check_all(stack)?;
        let mut change = Change::Nothing;
        for _ in 0..ROUNDS {
            let seen = self.observe(namespace, &stack.key).await?;
            let steps = plan(stack, &seen);
            if let ([], Some(balancer)) = (&steps[..], seen.balancer(stack)) {
                return Ok((balancer.clone(), change));
            }
            for step in steps {
                change = change.max(step.change());
                self.apply(namespace, stack, &seen, step).await?;
            }
        }
        Err(Status::new(Reason::Conflict, format!("load balancer {} is being changed by others", stack.name)).into())
    }

    /// Takes the stack of this key away, as far as that goes at once.
    pub async fn remove(&self, namespace: &str, key: &str) -> Result<Removal, Failure> {
        let options = Options { label_selector: selector(key), ..Options::default() };
        let balancers = self.client.list(LOAD_BALANCERS, namespace, options).await?;
        let balancers: Vec<Doc> = balancers.items.iter().map(|record| record.to_doc()).collect();
        let live: Vec<&Doc> = balancers.iter().filter(|record| is_live(record)).collect();
        for record in &live {
            self.delete_balancer(namespace, record).await?;
        }
        match (live.is_empty(), balancers.is_empty()) {
            (false, _) => return Ok(Removal::Begun),
            (true, false) => return Ok(Removal::Going),
            (true, true) => {}
        }
        for group in all(&self.client, namespace, TARGET_GROUPS, selector(key)).await? {
            self.delete_group(namespace, &group).await?;
        }
        Ok(Removal::Gone)
    }

    async fn observe(&self, namespace: &str, key: &str) -> Result<Seen, Status> {
        let balancers = all(&self.client, namespace, LOAD_BALANCERS, selector(key)).await?;
        let groups = all(&self.client, namespace, TARGET_GROUPS, selector(key)).await?;
        let mut listeners = Vec::new();
        for balancer in &balancers {
            listeners.extend(listeners_of(&self.client, namespace, name_of(balancer)).await?);
        }
        Ok(Seen { balancers, listeners, groups })
    }

    async fn apply(&self, namespace: &str, stack: &Stack, seen: &Seen, step: Step) -> Result<(), Failure> {
        match step {
            Step::CreateGroup(at) => self.create_group(namespace, stack, &stack.target_groups[at]).await,
            Step::CreateBalancer => self.create_balancer(namespace, stack).await,
            Step::CreateListener(at, arn) => {
                let (wanted, Some(balancer)) = (&stack.listeners[at], seen.balancer(stack)) else { return Ok(()) };
                let claim = Claim::Port { load_balancer: name_of(balancer), port: wanted.port };
                let build = |id: &str| record(balancer, id, &wanted.protocol, wanted.port, &arn, wanted.tags.clone());
                // One that somebody else has made meanwhile is amended in the next round.
                let maker = self.maker(namespace);
                maker.make(LISTENERS, &claim, build, |listener| listener["spec"]["port"] == wanted.port).await?;
                Ok(())
            }
            Step::AmendGroup(name, patch) => self.patch(TARGET_GROUPS, namespace, &name, patch).await,
            Step::AmendBalancer(name, patch) => self.patch(LOAD_BALANCERS, namespace, &name, patch).await,
            Step::MoveBalancer(name) => self.move_balancer(namespace, stack, &name).await,
            Step::AmendListener(name, patch) => self.patch(LISTENERS, namespace, &name, patch).await,
            Step::DeleteBalancer(record) => self.delete_balancer(namespace, &record).await,
            Step::DeleteListener(record) => self.delete_listener(namespace, &record).await,
            Step::DeleteGroup(record) => self.delete_group(namespace, &record).await,
        }
    }

    fn maker<'a>(&'a self, namespace: &'a str) -> Maker<'a> {
        Maker { client: &self.client, random: &*self.random, namespace }
    }

    async fn create_balancer(&self, namespace: &str, stack: &Stack) -> Result<(), Failure> {
        let new = NewLoadBalancer {
            place: place(stack),
            name: &stack.name,
            scheme: &stack.scheme,
            subnets: unaddressed(stack),
            security_groups: json!([]),
            attributes: stack.attributes.clone(),
            tags: stack.tags.clone(),
            stack: Some(&stack.key),
            now: self.clock.now(),
        };
        let claim = Claim::LoadBalancerName(&stack.name);
        let made = self.maker(namespace).make(LOAD_BALANCERS, &claim, |id| new.to_doc(id, &*self.random), |_| true).await?;
        own(stack, "load balancer", "DuplicateLoadBalancerName", &made)
    }

    async fn create_group(&self, namespace: &str, stack: &Stack, group: &StackGroup) -> Result<(), Failure> {
        let new = NewTargetGroup {
            place: place(stack),
            name: &group.name,
            protocol: &group.protocol,
            port: group.port,
            vpc_id: stack.subnets.first().map(|subnet| text(&subnet["vpcId"])).unwrap_or_default(),
            target_type: &group.target_type,
            health_check: health_check::completed(group.health_check.clone()),
            attributes: group.attributes.clone(),
            tags: group.tags.clone(),
            targets: group.targets.clone(),
            host: &self.host,
            stack: Some(&stack.key),
        };
        let claim = Claim::TargetGroupName(&group.name);
        let made = self.maker(namespace).make(TARGET_GROUPS, &claim, |id| new.to_doc(id), |_| true).await?;
        own(stack, "target group", "DuplicateTargetGroupName", &made)
    }

    async fn move_balancer(&self, namespace: &str, stack: &Stack, name: &str) -> Result<(), Failure> {
        let subnets = unaddressed(stack);
        let ids: Vec<&Doc> = stack.subnets.iter().map(|subnet| &subnet["subnetId"]).collect();
        amend::<Failure>(&self.client, LOAD_BALANCERS, namespace, name, |record| {
            let present = record["spec"]["availabilityZones"].as_array().map(Vec::as_slice).unwrap_or_default();
            let zones = zones(&subnets, present, &*self.random);
            Ok(Some(json!({"spec": {"subnets": ids, "availabilityZones": zones}})))
        })
        .await?;
        Ok(())
    }

    async fn patch(&self, resource: Resource, namespace: &str, name: &str, patch: Doc) -> Result<(), Failure> {
        match self.client.patch(resource, namespace, name, "", patch).await {
            Err(status) if status.reason != Reason::NotFound => Err(status.into()),
            // The next round makes it anew.
            _ => Ok(()),
        }
    }

    async fn delete_balancer(&self, namespace: &str, record: &Doc) -> Result<(), Failure> {
        if record["spec"]["attributes"]["deletion_protection.enabled"] == "true" {
            let message = format!("load balancer {} has deletion protection", text(&record["spec"]["name"]));
            return Err(AwsError::new("OperationNotPermitted", message).into());
        }
        self.delete(LOAD_BALANCERS, namespace, record).await?;
        let claim = Claim::LoadBalancerName(text(&record["spec"]["name"]));
        Ok(self.maker(namespace).release(&claim, name_of(record)).await?)
    }

    async fn delete_listener(&self, namespace: &str, record: &Doc) -> Result<(), Failure> {
        self.delete(LISTENERS, namespace, record).await?;
        let (balancer, id) = name_of(record).split_once('.').unwrap_or_default();
        let claim = Claim::Port { load_balancer: balancer, port: record["spec"]["port"].as_u64().unwrap_or_default() };
        Ok(self.maker(namespace).release(&claim, id).await?)
    }

    async fn delete_group(&self, namespace: &str, record: &Doc) -> Result<(), Failure> {
        self.delete(TARGET_GROUPS, namespace, record).await?;
        let claim = Claim::TargetGroupName(text(&record["spec"]["name"]));
        Ok(self.maker(namespace).release(&claim, name_of(record)).await?)
    }

    async fn delete(&self, resource: Resource, namespace: &str, record: &Doc) -> Result<(), Status> {
        gone_is_done(self.client.delete(resource, namespace, name_of(record), DeleteOptions::default()).await)
    }
}

fn selector(key: &str) -> String {
    format!("{STACK_LABEL}={key}")
}

fn place(stack: &Stack) -> Place<'_> {
    Place { account: &stack.account, region: &stack.region }
}

fn unaddressed(stack: &Stack) -> Vec<(Doc, Option<String>)> {
    stack.subnets.iter().map(|subnet| (subnet.clone(), None)).collect()
}

/// A name that something else has is not taken from it.
fn own(stack: &Stack, what: &str, code: &str, made: &Made) -> Result<(), Failure> {
    match made {
        Made::Exists(record) if record["metadata"]["labels"][STACK_LABEL] != stack.key.as_str() => {
            let name = text(&record["spec"]["name"]);
            Err(AwsError::new(code, format!("A {what} with the same name '{name}' exists, but with different settings")).into())
        }
        Made::New(_) | Made::Exists(_) => Ok(()),
    }
}

/// Nothing is made of a stack that cannot be made whole.
fn check_all(stack: &Stack) -> Result<(), AwsError> {
    target_groups::check::name("Load balancer", &stack.name)?;
    for (key, value) in &stack.attributes {
        attributes::check(LOAD_BALANCER, "Load balancer", key, text(value))?;
    }
    for listener in &stack.listeners {
        check::protocol(&listener.protocol)?;
    }
    for group in &stack.target_groups {
        health_check::check(&health_check::completed(group.health_check.clone()))?;
        for (key, value) in &group.attributes {
            attributes::check(TARGET_GROUP, "Target group", key, text(value))?;
        }
        attributes::fits_protocol(&group.protocol, &group.attributes)?;
    }
    Ok(())
}
