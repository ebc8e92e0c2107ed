//! The one list of services whose tables are built in.

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::GzDecoder;

use super::{Model, Protocol};

/// What routing needs to know before a table is opened.
pub struct Listing {
    pub service: &'static str,
    pub signing_name: &'static str,
    pub protocol: Protocol,
    packed: &'static [u8],
    model: OnceLock<Model>,
}

macro_rules! listing {
    ($service:literal, $signing_name:literal, $protocol:ident) => {
        Listing {
            service: $service,
            signing_name: $signing_name,
            protocol: Protocol::$protocol,
            packed: include_bytes!(concat!("../../models/", $service, ".json.gz")),
            model: OnceLock::new(),
        }
    };
}

static CATALOG: [Listing; 13] = [
    listing!("autoscaling", "autoscaling", Query),
    listing!("ec2", "ec2", Ec2),
    listing!("ecr", "ecr", Json),
    listing!("efs", "elasticfilesystem", RestJson),
    listing!("eks", "eks", RestJson),
    listing!("eks-auth", "eks-auth", RestJson),
    listing!("elbv2", "elasticloadbalancing", Query),
    listing!("iam", "iam", Query),
    listing!("kms", "kms", Json),
    listing!("logs", "logs", Json),
    listing!("route53", "route53", RestXml),
    listing!("ssm", "ssm", Json),
    listing!("sts", "sts", Query),
];

/// The services with a table, by botocore's names.
pub fn services() -> impl Iterator<Item = &'static str> {
    CATALOG.iter().map(|listing| listing.service)
}

pub fn listing(service: &str) -> Option<&'static Listing> {
    CATALOG.iter().find(|listing| listing.service == service)
}

pub fn by_signing_name(signing_name: &str) -> impl Iterator<Item = &'static Listing> {
    CATALOG.iter().filter(move |listing| listing.signing_name == signing_name)
}

pub(super) fn load(service: &str) -> Option<&'static Model> {
    listing(service).map(Listing::model)
}

impl Listing {
    pub fn model(&self) -> &Model {
        // The tables are committed beside this file and a test opens every one.
        self.model.get_or_init(|| unpack(self.packed).expect("a built-in table is well formed"))
    }
}

fn unpack(packed: &[u8]) -> Result<Model, String> {
    let mut text = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut text).map_err(|e| e.to_string())?;
    Model::from_json(&text)
}
