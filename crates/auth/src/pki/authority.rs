//! The certificate authority of a cluster.

use super::{PkiError, PrivateKey, SigningRequest, key, pem_decode};
use aws_lc_rs::rand;
use meta::Time;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use std::fmt;
use std::time::Duration;

const DAY: i64 = 86_400;
/// As EKS: a cluster's authority outlives the cluster.
const AUTHORITY_SECONDS: i64 = 3650 * DAY;
/// Clocks of one cluster may disagree by this much (as kube-controller-manager's signer backdates).
const BACKDATE_SECONDS: i64 = 300;
const LABEL: &str = "CERTIFICATE";

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    Server,
    Client,
    Both,
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub common_name: String,
    pub organizations: Vec<String>,
    /// DNS names and IP addresses.
    pub names: Vec<String>,
    pub usage: Usage,
    pub valid_seconds: i64,
}

impl Leaf {
    /// The API server's own certificate: the names every pod knows it by, plus those of the endpoint.
    pub fn api_server(names: &[String]) -> Self {
        let known = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
        let mut all: Vec<String> = known.map(str::to_owned).into();
        all.extend(names.iter().filter(|n| !known.contains(&n.as_str())).cloned());
        let common_name = "kube-apiserver".into();
        Self { common_name, organizations: Vec::new(), names: all, usage: Usage::Server, valid_seconds: 3650 * DAY }
    }

    /// A user: common name is the user name, organizations are the groups.
    pub fn client(user: &str, groups: &[&str]) -> Self {
        let organizations = groups.iter().map(|g| (*g).to_owned()).collect();
        Self { common_name: user.into(), organizations, names: Vec::new(), usage: Usage::Client, valid_seconds: 365 * DAY }
    }
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Identity {
    pub certificate_pem: String,
    pub certificate_der: Vec<u8>,
    pub key: PrivateKey,
}

pub struct CertificateAuthority {
    certificate_pem: String,
    certificate_der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl CertificateAuthority {
    pub fn generate(common_name: &str, now: Time) -> Result<Self, PkiError> {
        let key = PrivateKey::generate()?;
        let mut params = params(common_name, &[], AUTHORITY_SECONDS, now)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key.0)?;
        let (certificate_pem, certificate_der) = (certificate.pem(), certificate.der().to_vec());
        Ok(Self { certificate_pem, certificate_der, issuer: Issuer::new(params, key.0) })
    }

    /// Reads back what [`Self::certificate_pem`] and [`Self::key_pem`] gave.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, PkiError> {
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, PrivateKey::from_pem(key_pem)?.0)?;
        let certificate_der = pem_decode(LABEL, certificate_pem)?;
        Ok(Self { certificate_pem: certificate_pem.to_owned(), certificate_der, issuer })
    }

    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }
    /// A secret.
    pub fn key_pem(&self) -> String {
        key::encode(self.issuer.key())
    }

    /// A fresh key and its certificate.
    pub fn issue(&self, leaf: &Leaf, now: Time) -> Result<Identity, PkiError> {
        let key = PrivateKey::generate()?;
        let der = self.certify(leaf, &key.0, now)?;
        Ok(Identity { certificate_pem: super::pem_encode(LABEL, &der), certificate_der: der, key })
    }

    /// Signs somebody else's key. Whether the request deserves what `leaf` says is the caller's decision.
    pub fn sign(&self, request: &SigningRequest, leaf: &Leaf, now: Time) -> Result<String, PkiError> {
        Ok(super::pem_encode(LABEL, &self.certify(leaf, &request.public_key()?, now)?))
    }

    fn certify(&self, leaf: &Leaf, key: &impl PublicKeyData, now: Time) -> Result<Vec<u8>, PkiError> {
        let mut params = params(&leaf.common_name, &leaf.organizations, leaf.valid_seconds, now)?;
        params.subject_alt_names = leaf.names.iter().map(|n| alternative_name(n)).collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = match leaf.usage {
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        };
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(key, &self.issuer)?.der().to_vec())
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

fn params(common_name: &str, organizations: &[String], valid_seconds: i64, now: Time) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject(common_name, organizations)?;
    let at = |time: Time| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(time.unix().max(0).unsigned_abs());
    params.not_before = at(now.plus_seconds(-BACKDATE_SECONDS));
    params.not_after = at(now.plus_seconds(valid_seconds));
    params.serial_number = Some(serial()?);
    Ok(params)
}

pub(super) fn subject(common_name: &str, organizations: &[String]) -> Result<DistinguishedName, PkiError> {
    let mut name = DistinguishedName::new();
    // rcgen keeps one value per attribute type, but takes an attribute by its identifier for another type.
    let types = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
    if organizations.len() > types.len() {
        return Err(PkiError::TooManyOrganizations(organizations.len()));
    }
    for (kind, organization) in types.into_iter().zip(organizations) {
        name.push(kind, organization.as_str());
    }
    name.push(DnType::CommonName, common_name);
    Ok(name)
}

/// 63 random bits: positive, and never twice for one authority.
fn serial() -> Result<SerialNumber, PkiError> {
    let mut bytes = [0u8; 8];
    rand::fill(&mut bytes).map_err(|_| PkiError::Key("no randomness".into()))?;
    bytes[0] &= 0x7f;
    Ok(SerialNumber::from_slice(&bytes))
}

pub(super) fn alternative_name(name: &str) -> Result<SanType, PkiError> {
    match name.parse() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName(name.try_into()?)),
    }
}
