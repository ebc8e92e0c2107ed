//! Certificate signing requests, read and checked.

use super::{PkiError, PrivateKey, authority, pem_decode};
use rcgen::{CertificateParams, SubjectPublicKeyInfo};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

/// What a request asks for. Its signature has been checked against its own key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningRequest {
    pub common_name: String,
    pub organizations: Vec<String>,
    pub dns_names: Vec<String>,
    pub ip_addresses: Vec<String>,
    /// Names of kinds that no Kubernetes signer accepts: e-mail, URI and the rest.
    pub has_other_names: bool,
    public_key_der: Vec<u8>,
}

impl SigningRequest {
    pub fn from_pem(pem: &str) -> Result<Self, PkiError> {
        Self::from_der(&pem_decode("CERTIFICATE REQUEST", pem)?)
    }

    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|e| PkiError::Malformed(e.to_string()))?;
        if !rest.is_empty() {
            return Err(PkiError::Malformed("bytes after the request".into()));
        }
        request.verify_signature().map_err(|_| PkiError::Signature)?;
        let info = &request.certification_request_info;
        let text = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| attribute.as_str().unwrap_or_default().to_owned();
        let mut read = Self {
            common_name: info.subject.iter_common_name().next().map(text).unwrap_or_default(),
            organizations: info.subject.iter_organization().map(text).collect(),
            public_key_der: info.subject_pki.raw.to_vec(),
            ..Self::default()
        };
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(names) = extension {
                names.general_names.iter().for_each(|name| read.add(name));
            }
        }
        Ok(read)
    }

    /// A request in PEM for a certificate over `key` that says this; `names` are DNS names and addresses.
    pub fn write(key: &PrivateKey, common_name: &str, organizations: &[String], names: &[String]) -> Result<String, PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = authority::subject(common_name, organizations)?;
        params.subject_alt_names = names.iter().map(|name| authority::alternative_name(name)).collect::<Result<_, _>>()?;
        Ok(params.serialize_request(&key.0)?.pem()?)
    }

    fn add(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(name) => self.dns_names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => match ip_address(bytes) {
                Some(address) => self.ip_addresses.push(address),
                None => self.has_other_names = true,
            },
            _ => self.has_other_names = true,
        }
    }

    pub(super) fn public_key(&self) -> Result<SubjectPublicKeyInfo, PkiError> {
        Ok(SubjectPublicKeyInfo::from_der(&self.public_key_der)?)
    }
}

fn ip_address(bytes: &[u8]) -> Option<String> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|b| std::net::Ipv4Addr::from(b).to_string()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|b| std::net::Ipv6Addr::from(b).to_string()),
        _ => None,
    }
}
