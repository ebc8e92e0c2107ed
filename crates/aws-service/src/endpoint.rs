//! One endpoint for all services: authenticate, route, parse, authorise, validate, dispatch, encode.

use crate::authorize::authorize;
use crate::policy::Context;
use crate::{Access, OperationEntry, Request, Service, SharedRandom, Verifier, ids};
use aws_wire::sigv4::{self, AuthError, Signed};
use aws_wire::{
    AwsError, HttpReply, HttpRequest, Model, Operation, Protocol, encode_error_as, encode_error_for, encode_output_for,
    parse_input, route, route_unsigned, validate_input,
};
use meta::time::SharedClock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// No operation served here takes more; composition stops reading a body at this.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Enough to keep two cores busy many times over; beyond it clients are told to slow down and retry.
const MAX_CONCURRENT_REQUESTS: usize = 256;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub body_bytes: usize,
    pub concurrent_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: MAX_BODY_BYTES, concurrent_requests: MAX_CONCURRENT_REQUESTS }
    }
}

/// What the listener knows about a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peer {
    pub address: Option<IpAddr>,
    pub tls: bool,
}

pub struct Endpoint {
    services: HashMap<&'static str, Registered>,
    verifier: Arc<dyn Verifier>,
    clock: SharedClock,
    random: SharedRandom,
    limits: Limits,
    permits: Semaphore,
}

struct Registered {
    service: Service,
    by_name: HashMap<&'static str, usize>,
}

/// A request whose operation is known.
struct Routed<'a> {
    http: &'a HttpRequest,
    model: &'static Model,
    operation: &'static Operation,
}

impl Endpoint {
    /// Fails on a service named twice, and on an operation its model does not know.
    pub fn new(
        limits: Limits,
        services: Vec<Service>,
        verifier: Arc<dyn Verifier>,
        clock: SharedClock,
        random: SharedRandom,
    ) -> Result<Self, String> {
        let mut registered = HashMap::new();
        for service in services {
            let name = service.model.service();
            if registered.insert(name, register(service)?).is_some() {
                return Err(format!("service {name} is listed twice"));
            }
        }
        let permits = Semaphore::new(limits.concurrent_requests);
        Ok(Self { services: registered, verifier, clock, random, limits, permits })
    }

    /// How much of a body is worth reading.
    pub fn max_body_bytes(&self) -> usize {
        self.limits.body_bytes
    }

    /// Answers a request, always.
    pub async fn handle(&self, http: HttpRequest, peer: Peer) -> HttpReply {
        let request_id = ids::uuid(&*self.random);
        let refuse = |protocol: Protocol, error: AwsError| encode_error_as(protocol, &error, &request_id);
        let guess = Protocol::guess(&http);
        if http.body.len() > self.limits.body_bytes {
            return refuse(guess, too_large(guess));
        }
        let Ok(_permit) = self.permits.try_acquire() else { return refuse(guess, throttled(guess)) };
        let signed = match sigv4::parse(&http) {
            Ok(Some(signed)) => signed,
            Ok(None) => return self.unsigned(&http, guess, &request_id),
            Err(error) => return refuse(guess, error.to_aws(guess)),
        };
        match route(&signed.service, &http) {
            Ok((model, operation)) => {
                let routed = Routed { http: &http, model, operation };
                self.answer(&routed, &signed, peer, &request_id).await
            }
            // Whoever is unknown learns nothing about paths, only that the key is.
            Err(error) => match self.verifier.verify(&http, &signed).await {
                Ok(_) => refuse(guess, error),
                Err(unverified) => refuse(guess, unverified.into_aws(Err(guess))),
            },
        }
    }

    /// The few operations that need no signature are not built yet.
    fn unsigned(&self, http: &HttpRequest, guess: Protocol, request_id: &str) -> HttpReply {
        match route_unsigned(http) {
            Some((model, operation)) => encode_error_for(http, model, &AwsError::not_implemented(model, operation), request_id),
            None => encode_error_as(guess, &AuthError::Missing.to_aws(guess), request_id),
        }
    }

    async fn answer(&self, routed: &Routed<'_>, signed: &Signed, peer: Peer, request_id: &str) -> HttpReply {
        match self.outcome(routed, signed, peer, request_id).await {
            Ok(output) => encode_output_for(routed.http, routed.model, routed.operation, &output, request_id),
            Err(error) => {
                tracing::debug!(service = routed.model.service(), operation = routed.operation.name, %error, request_id, "refused");
                encode_error_for(routed.http, routed.model, &error, request_id)
            }
        }
    }

    async fn outcome(&self, routed: &Routed<'_>, signed: &Signed, peer: Peer, request_id: &str) -> Result<meta::Doc, AwsError> {
        let Routed { http, model, operation } = *routed;
        let protocol = model.protocol();
        let caller = self.verifier.verify(http, signed).await.map_err(|unverified| unverified.into_aws(Ok(model)))?;
        let entry = self.built(model, operation)?;
        let now = self.clock.now();
        let context = caller.describe(connection(peer, now).with("aws:RequestedRegion", &*signed.region));
        let request = Request {
            operation: entry.name,
            caller,
            region: signed.region.clone(),
            input: parse_input(model, operation, http)?,
            request_id: request_id.to_owned(),
            now,
            context,
        };
        if let Access::Policy(resources) = entry.access {
            let action = format!("{}:{}", action_prefix(model), operation.name);
            authorize(protocol, &request, &action, &resources(&request))?;
        }
        validate_input(model, operation, &request.input)?;
        entry.run(request).await.map_err(|failure| failure.into_aws(model, &operation.name))
    }

    fn built(&self, model: &Model, operation: &Operation) -> Result<&OperationEntry, AwsError> {
        let found = self
            .services
            .get(model.service())
            .and_then(|registered| registered.by_name.get(&*operation.name).map(|at| &registered.service.operations[*at]));
        found.ok_or_else(|| AwsError::not_implemented(model, operation))
    }
}

fn register(service: Service) -> Result<Registered, String> {
    let mut by_name = HashMap::new();
    for (at, entry) in service.operations.iter().enumerate() {
        let name = service.model.service();
        if service.model.operation(entry.name).is_none() {
            return Err(format!("service {name} has no operation {}", entry.name));
        }
        if by_name.insert(entry.name, at).is_some() {
            return Err(format!("service {name} lists {} twice", entry.name));
        }
    }
    Ok(Registered { service, by_name })
}

/// IAM names services by their signing names.
fn action_prefix(model: &Model) -> &str {
    model.signing_name()
}

fn connection(peer: Peer, now: meta::Time) -> Context {
    let mut context = Context::default()
        .with("aws:CurrentTime", now.to_string())
        .with("aws:EpochTime", now.unix().to_string())
        .with("aws:SecureTransport", peer.tls.to_string());
    if let Some(address) = peer.address {
        context.add("aws:SourceIp", address.to_string());
    }
    context
}

fn too_large(protocol: Protocol) -> AwsError {
    let code = match protocol {
        Protocol::Json | Protocol::RestJson => "RequestEntityTooLargeException",
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => "RequestEntityTooLarge",
    };
    AwsError::new(code, "The request is too large.").with_status(413)
}

fn throttled(protocol: Protocol) -> AwsError {
    let (code, status) = match protocol {
        Protocol::Ec2 => ("RequestLimitExceeded", 503),
        Protocol::Query | Protocol::RestXml => ("Throttling", 400),
        Protocol::Json => ("ThrottlingException", 400),
        Protocol::RestJson => ("ThrottlingException", 429),
    };
    AwsError::new(code, "Rate exceeded").with_status(status)
}

#[cfg(test)]
mod tests;
