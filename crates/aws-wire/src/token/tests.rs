use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::{Hosts, PREFIX, Token, inspect};
use crate::sigv4::{self, AuthError};

/// What `aws eks get-token --cluster-name my-cluster` prints at 2015-08-30T12:36:00Z.
const GOLDEN: &str = include_str!("../../tests/goldens/token.json");
const SIGNED_AT: i64 = 1_440_938_160;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn golden() -> String {
    let tokens: Vec<String> = serde_json::from_str(GOLDEN).expect("a list of tokens");
    tokens[0].clone()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(SIGNED_AT + seconds).expect("in range")
}

fn hosts() -> Hosts {
    Hosts { region: "us-east-1".into(), extra: vec!["localhost:4566".into()] }
}

fn read(token: &str) -> Result<Token, String> {
    inspect(token, "my-cluster", &hosts(), at(60))
        .map_err(|e| e.to_string().replace("input token was not properly formatted: ", ""))
}

#[test]
fn a_stock_token_verifies() {
    let token = read(&golden()).expect("well formed");
    assert_eq!(
        (token.host.as_str(), token.access_key_id.as_str(), token.time),
        ("sts.us-east-1.amazonaws.com", "AKIDEXAMPLE", at(0))
    );
    let signed = sigv4::parse(&token.request).expect("well formed").expect("signed");
    assert_eq!((signed.expires, signed.security_token.as_deref()), (Some(60), Some("example/session+token==")));
    // The stated minute does not count; the fifteen of STS do.
    assert_eq!(signed.verify(&token.request, SECRET, at(14 * 60)), Ok(()));
    let other = inspect(&golden(), "other-cluster", &hosts(), at(60)).expect("well formed");
    assert_eq!(signed.verify(&other.request, SECRET, at(60)), Err(AuthError::Mismatch));
}

fn edited(change: impl Fn(&str) -> String) -> String {
    let golden = golden();
    let url = URL_SAFE_NO_PAD.decode(&golden[PREFIX.len()..]).expect("base64");
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(change(std::str::from_utf8(&url).expect("text"))))
}

#[test]
fn refused() {
    let table: &[(&str, &str, &str)] = &[
        ("https:", "http:", "unexpected scheme \"http\" in pre-signed URL"),
        ("sts.us-east-1.amazonaws.com", "sts.example.com", "unexpected hostname \"sts.example.com\" in pre-signed URL"),
        ("sts.us-east-1.", "sts.eu-west-1.", "unexpected hostname \"sts.eu-west-1.amazonaws.com\" in pre-signed URL"),
        ("sts.us", "a@sts.us", "unexpected hostname \"a@sts.us-east-1.amazonaws.com\" in pre-signed URL"),
        (".com/?", ".com/x?", "unexpected path in pre-signed URL"),
        (".com/?", ".com?", "unexpected path in pre-signed URL"),
        ("?Action", "?RoleArn=x&Action", "non-whitelisted query parameter \"RoleArn\""),
        ("?Action", "?action=GetCallerIdentity&Action", "query parameter with multiple values not supported"),
        ("=GetCallerIdentity", "=AssumeRole", "unexpected action parameter in pre-signed URL"),
        ("%3Bx-k8s-aws-id", "", "client did not sign the x-k8s-aws-id header in the pre-signed URL"),
        ("Expires=60", "Expires=901", "invalid X-Amz-Expires parameter in pre-signed URL: 901"),
        ("Expires=60", "Expires=-1", "invalid X-Amz-Expires parameter in pre-signed URL: -1"),
        ("Expires=60", "Expires=", "invalid X-Amz-Expires parameter in pre-signed URL: "),
        ("Date=20150830T123600Z", "Date=", "X-Amz-Date parameter must be present in pre-signed URL"),
        ("Date=20150830T123600Z", "Date=yesterday", "error parsing X-Amz-Date parameter yesterday"),
        ("T123600Z", "T122059Z", "X-Amz-Date parameter is expired (15 minute expiration) 20150830T122059Z"),
        ("Action=", "Action=\n", "pre-signed URL is not a URL"),
    ];
    for (from, to, expected) in table {
        let token = edited(|url| url.replacen(from, to, 1));
        assert_eq!(read(&token).err().as_deref(), Some(*expected), "{from} -> {to}");
    }
    assert!(read(&edited(|url| url.replace("sts.us-east-1.amazonaws.com", "sts.amazonaws.com"))).is_ok());
    assert!(read(&edited(|url| url.replace("sts.us-east-1.amazonaws.com", "localhost:4566"))).is_ok());
}

#[test]
fn not_tokens() {
    assert_eq!(read("k8s-aws-v2.abc").err().as_deref(), Some("token is missing expected \"k8s-aws-v1.\" prefix"));
    assert_eq!(read(&"x".repeat(4097)).err().as_deref(), Some("token is too large"));
    assert!(read("k8s-aws-v1.!!!").is_err());
    assert!(read("k8s-aws-v1.").is_err());
}

#[test]
fn a_token_made_here_passes_the_checks() {
    let credentials = sigv4::Credentials {
        access_key_id: "ASIAEXAMPLE".into(),
        secret_access_key: "secret".into(),
        session_token: Some("a+session/token==".into()),
    };
    let now: Timestamp = "2026-11-20T10:00:00Z".parse().expect("a time");
    let hosts = Hosts { region: "eu-west-1".into(), extra: Vec::new() };
    let token = super::make("demo", "eu-west-1", &credentials, now);
    let inspected = inspect(&token, "demo", &hosts, now).expect("a good token");
    assert_eq!((inspected.access_key_id.as_str(), inspected.host.as_str()), ("ASIAEXAMPLE", "sts.eu-west-1.amazonaws.com"));
    assert!(inspect(&token, "demo", &Hosts { region: "us-east-1".into(), extra: Vec::new() }, now).is_err());
}
