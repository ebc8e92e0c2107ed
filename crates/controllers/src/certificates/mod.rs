//! Approves, signs and clears away certificate requests. Promise: a certificate names only what its requester is known to be,
//! and nobody's request is approved twice.
//! Follows kubernetes `pkg/controller/certificates/{approver,signer,cleaner}`; kubelets' serving certificates, which upstream
//! leaves to others, are approved as EKS's certificate controller does: for names that the instance really has.

mod approver;
mod cleaner;
mod conditions;
mod request;
mod signer;

pub use approver::{NodeNames, Presence};

use crate::context::Cx;
use client::Resource;

/// The account of all three, as upstream's.
pub(crate) const NAME: &str = "certificate-controller";
/// EKS's approver of serving certificates.
const APPROVER: &str = "eks:certificate-controller";

const REQUESTS: Resource = Resource::new("certificates.k8s.io", "v1", "certificatesigningrequests");

pub(crate) fn start(cx: &Cx) {
    approver::start(cx);
    signer::start(cx);
    cleaner::start(cx);
}
