//! The user a client certificate names (k8s.io/apiserver `authentication/request/x509`).

use super::PkiError;
use crate::service_account::CREDENTIAL_ID;
use aws_lc_rs::digest::{SHA256, digest};
use meta::User;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::AttributeTypeAndValue;

/// Kubernetes' attribute for a user's uid in a subject.
const UID_OID: &str = "1.3.6.1.4.1.57683.2";

/// The user of a certificate whose chain the TLS layer has verified. `None` when it has no common name.
pub fn from_peer_certificate(der: &[u8]) -> Result<Option<User>, PkiError> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|e| PkiError::Malformed(e.to_string()))?;
    let subject = certificate.subject();
    let text = |attribute: &AttributeTypeAndValue<'_>| attribute.as_str().unwrap_or_default().to_owned();
    let Some(name) = subject.iter_common_name().next().map(text).filter(|n| !n.is_empty()) else { return Ok(None) };
    let mut user = User::authenticated(name, subject.iter_organization().map(text));
    user.uid = uid(subject.iter_attributes().filter(|a| a.attr_type().to_id_string() == UID_OID).map(text).collect())?;
    let fingerprint: String = digest(&SHA256, der).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    user.extra.insert(CREDENTIAL_ID.into(), vec![format!("X509SHA256={fingerprint}")]);
    Ok(Some(user))
}

fn uid(mut uids: Vec<String>) -> Result<String, PkiError> {
    match uids.len() {
        0 => Ok(String::new()),
        1 if uids[0].is_empty() => Err(PkiError::Malformed("UID cannot be an empty string".into())),
        1 => Ok(uids.remove(0)),
        _ => Err(PkiError::Malformed(format!("expected 1 UID, but found multiple: {uids:?}"))),
    }
}

/// When a certificate in PEM ends.
pub fn not_after(pem: &str) -> Result<meta::Time, PkiError> {
    let der = super::pem_decode("CERTIFICATE", pem)?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|e| PkiError::Malformed(e.to_string()))?;
    Ok(meta::Time::from_unix(certificate.validity().not_after.timestamp()))
}
