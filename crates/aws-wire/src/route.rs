//! Which operation a request means. The signing name says the service; target, form or path say the operation.

use form_urlencoded::parse as pairs;

use crate::error::AwsError;
use crate::http::HttpRequest;
use crate::model::{Listing, Model, Operation, Protocol, by_signing_name};
use crate::parse::uri;

pub type Routed = (&'static Model, &'static Operation);

/// The operation of a request signed for `signing_name`. Services that share a signing name are told apart by protocol and
/// version. On error, encode the answer with [`crate::encode_error_as`] and [`Protocol::guess`].
pub fn route(signing_name: &str, request: &HttpRequest) -> Result<Routed, AwsError> {
    let candidates: Vec<&'static Listing> = by_signing_name(signing_name).collect();
    let spoken = Protocol::guess(request);
    let same = |listing: &&&'static Listing| match listing.protocol {
        Protocol::Query | Protocol::Ec2 => matches!(spoken, Protocol::Query | Protocol::Ec2),
        Protocol::Json => spoken == Protocol::Json,
        Protocol::RestJson | Protocol::RestXml => true,
    };
    let Some(listing) = candidates.iter().find(same).or(candidates.first()) else {
        return Err(no_service(signing_name, spoken));
    };
    match listing.protocol {
        Protocol::Query | Protocol::Ec2 => by_action(&candidates, request),
        Protocol::Json => by_target(listing.model(), request),
        Protocol::RestJson | Protocol::RestXml => by_path(listing.model(), request),
    }
}

/// The operation of a request without a signature: only the few modelled as needing none; otherwise `None`.
pub fn route_unsigned(request: &HttpRequest) -> Option<Routed> {
    let form = Form::read(request);
    let sts = by_signing_name("sts").find(|listing| listing.protocol == Protocol::Query)?;
    let op = sts.model().operation(form.action.as_deref()?)?;
    (op.unsigned && form.version.as_deref() == Some(sts.model().api_version())).then_some((sts.model(), op))
}

impl Protocol {
    /// The protocol a request looks like, for answers to requests that name no service known here.
    pub fn guess(request: &HttpRequest) -> Protocol {
        if request.headers.contains_key("x-amz-target") {
            return Protocol::Json;
        }
        let form = Form::read(request);
        match (form.action, form.version) {
            (None, None) => Protocol::RestJson,
            (_, Some(version)) if version == "2016-11-15" => Protocol::Ec2,
            _ => Protocol::Query,
        }
    }
}

fn no_service(signing_name: &str, spoken: Protocol) -> AwsError {
    let message = format!("The service {signing_name} is not available here.");
    match spoken {
        Protocol::Query | Protocol::Ec2 => AwsError::new("InvalidAction", message),
        Protocol::Json => AwsError::new("UnknownOperationException", message),
        Protocol::RestJson | Protocol::RestXml => AwsError::new("UnknownOperationException", message).with_status(404),
    }
}

struct Form {
    action: Option<String>,
    version: Option<String>,
}

impl Form {
    fn read(request: &HttpRequest) -> Self {
        let body: &[u8] = if request.is_form() { &request.body } else { &[] };
        let mut form = Form { action: None, version: None };
        for (key, value) in pairs(request.query.as_bytes()).chain(pairs(body)) {
            match &*key {
                "Action" => form.action = Some(value.into_owned()),
                "Version" => form.version = Some(value.into_owned()),
                _ => {}
            }
        }
        form
    }
}

fn by_action(candidates: &[&'static Listing], request: &HttpRequest) -> Result<Routed, AwsError> {
    let form = Form::read(request);
    let models =
        || candidates.iter().filter(|listing| matches!(listing.protocol, Protocol::Query | Protocol::Ec2)).map(|l| l.model());
    let ec2 = models().any(|model| model.protocol() == Protocol::Ec2);
    let Some(action) = form.action else {
        return Err(AwsError::new("MissingAction", "The request is missing an action or a required parameter."));
    };
    let version = form.version.unwrap_or_default();
    let of_version = models().find(|model| model.api_version() == version);
    if let Some(found) = of_version.and_then(|model| Some((model, model.operation(&action)?))) {
        return Ok(found);
    }
    Err(match (ec2, of_version) {
        (true, None) => {
            AwsError::new("NoSuchVersion", format!("The requested version ({version}) of service AmazonEC2 does not exist"))
        }
        (true, Some(_)) => AwsError::new("InvalidAction", format!("The action {action} is not valid for this web service.")),
        (false, _) => AwsError::new("InvalidAction", format!("Could not find operation {action} for version {version}")),
    })
}

fn by_target(model: &'static Model, request: &HttpRequest) -> Result<Routed, AwsError> {
    let target = request.header("x-amz-target").and_then(|target| target.split_once('.'));
    let ours = target.filter(|(prefix, _)| Some(*prefix) == model.target_prefix());
    let found = ours.and_then(|(_, name)| model.operation(name));
    found.map(|op| (model, op)).ok_or_else(|| AwsError::new("UnknownOperationException", ""))
}

/// The most literal of the templates that fit, so that a fixed word wins over a label.
fn by_path(model: &'static Model, request: &HttpRequest) -> Result<Routed, AwsError> {
    let method = request.method.as_str();
    let fitting = model.operations().filter(|op| op.method == method && uri::matches(&op.uri, request));
    let best = fitting.max_by_key(|op| uri::literals(&op.uri));
    best.map(|op| (model, op)).ok_or_else(|| unknown_path(model))
}

/// EKS stands behind API Gateway, whose answer to an unknown path is famous for its wording.
fn unknown_path(model: &Model) -> AwsError {
    match model.service() {
        "eks" => AwsError::new("MissingAuthenticationTokenException", "Missing Authentication Token").with_status(403),
        _ => AwsError::new("UnknownOperationException", "").with_status(404),
    }
}
