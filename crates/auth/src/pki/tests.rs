use super::*;
use meta::Time;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use std::sync::Arc;
use std::time::Duration;

fn now() -> Time {
    Time::parse("2026-11-20T10:00:00Z").expect("a time")
}

fn roots(authority: &CertificateAuthority) -> Arc<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate_der().to_vec())).expect("an authority");
    Arc::new(roots)
}

fn unix(time: Time) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(time.unix().unsigned_abs()))
}

#[test]
fn a_serving_certificate_is_good_for_its_names_and_its_time() {
    let authority = CertificateAuthority::generate("kubernetes", now()).expect("an authority");
    let names = ["127.0.0.2".to_owned(), "10.100.0.1".into(), "ABC.gr7.us-east-1.eks.amazonaws.com".into(), "kubernetes".into()];
    let serving = authority.issue(&Leaf::api_server(&names), now()).expect("a certificate");
    let other = CertificateAuthority::generate("kubernetes", now()).expect("an authority");
    let verify = |authority: &CertificateAuthority, name: &str, at: Time| {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots(authority), Arc::new(default_provider()));
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let leaf = CertificateDer::from(serving.certificate_der.clone());
        verifier.build().expect("a verifier").verify_server_cert(&leaf, &[], &name, &[], unix(at)).is_ok()
    };
    for (name, good) in [
        ("kubernetes.default.svc", true),
        ("kubernetes.default.svc.cluster.local", true),
        ("127.0.0.2", true),
        ("10.100.0.1", true),
        ("abc.gr7.us-east-1.eks.amazonaws.com", true),
        ("127.0.0.3", false),
        ("example.com", false),
    ] {
        assert_eq!(verify(&authority, name, now()), good, "{name}");
    }
    assert!(verify(&authority, "kubernetes", now().plus_seconds(3600 * 24 * 3649)));
    assert!(!verify(&authority, "kubernetes", now().plus_seconds(3600 * 24 * 3651)));
    assert!(!verify(&authority, "kubernetes", now().plus_seconds(-600)));
    assert!(!verify(&other, "kubernetes", now()), "an authority of the same name with another key");
}

#[test]
fn a_client_certificate_names_user_and_groups() {
    let authority = CertificateAuthority::generate("kubernetes", now()).expect("an authority");
    let reread = CertificateAuthority::from_pem(authority.certificate_pem(), &authority.key_pem()).expect("what was written");
    assert_eq!(reread.certificate_der(), authority.certificate_der());
    let leaf = Leaf::client("system:kube-scheduler", &["system:masters", "größe"]);
    let client = reread.issue(&leaf, now()).expect("a certificate");
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(&authority), Arc::new(default_provider()));
    let der = CertificateDer::from(client.certificate_der.clone());
    verifier.build().expect("a verifier").verify_client_cert(&der, &[], unix(now())).expect("a good chain");

    let user = from_peer_certificate(&client.certificate_der).expect("a certificate").expect("a user");
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("system:kube-scheduler", ""));
    assert_eq!(user.groups, ["system:masters", "größe", "system:authenticated"]);
    assert!(user.extra["authentication.kubernetes.io/credential-id"][0].starts_with("X509SHA256="));

    let nameless = reread.issue(&Leaf::client("", &["x"]), now()).expect("a certificate");
    assert_eq!(from_peer_certificate(&nameless.certificate_der).expect("a certificate"), None);
    assert!(from_peer_certificate(b"nonsense").is_err());
    assert!(reread.issue(&Leaf::client("x", &["a", "b", "c"]), now()).is_err());
}

#[test]
fn requests_are_read_checked_and_signed() {
    let authority = CertificateAuthority::generate("kubernetes", now()).expect("an authority");
    let key = PrivateKey::generate().expect("a key");
    let mut params =
        rcgen::CertificateParams::new(vec!["ip-10-0-0-1.ec2.internal".to_owned(), "10.0.0.1".into()]).expect("names");
    params.distinguished_name.push(rcgen::DnType::CommonName, "system:node:a");
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "system:nodes");
    let pem = params.serialize_request(&key.0).and_then(|r| r.pem()).expect("a request");
    let request = SigningRequest::from_pem(&pem).expect("a request");
    assert_eq!(
        (request.common_name.as_str(), request.organizations.as_slice()),
        ("system:node:a", &["system:nodes".to_owned()][..])
    );
    assert_eq!((request.dns_names.len(), request.ip_addresses.as_slice()), (1, &["10.0.0.1".to_owned()][..]));
    assert!(!request.has_other_names);

    let signed = authority.sign(&request, &Leaf::client("system:node:a", &["system:nodes"]), now()).expect("a certificate");
    let user = from_peer_certificate(&pem_decode("CERTIFICATE", &signed).expect("PEM")).expect("a certificate").expect("a user");
    assert_eq!(user.node_name(), Some("a"));

    let mut broken = pem_decode("CERTIFICATE REQUEST", &pem).expect("PEM");
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert!(SigningRequest::from_der(&broken).is_err());
}

#[test]
fn keys_do_not_show() {
    let authority = CertificateAuthority::generate("kubernetes", now()).expect("an authority");
    let identity = authority.issue(&Leaf::client("a", &[]), now()).expect("a certificate");
    let shown = format!("{authority:?} {identity:?}");
    assert!(shown.contains("PrivateKey(..)") && !shown.contains("PRIVATE KEY"), "{shown}");
    assert!(PrivateKey::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").is_err());
    assert!(CertificateAuthority::from_pem("", &authority.key_pem()).is_err());
}
