//! Signatures: AWS's published cases, what is refused and under which name, and tokens' presigned URLs.

mod shared;

use aws_wire::sigv4::{self, AuthError, Credentials, Scope};
use aws_wire::{HttpRequest, Protocol};
use http::Method;
use jiff::Timestamp;
use shared::{Case, SECRET, SIGNED_AT, read};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(SIGNED_AT + seconds).expect("in range")
}

fn verify(request: &HttpRequest, now: i64) -> Result<(), AuthError> {
    sigv4::parse(request)?.ok_or(AuthError::Missing)?.verify(request, SECRET, at(now))
}

#[test]
fn published_cases() {
    let cases = read::<Case>("sigv4_suite");
    assert!(cases.len() > 30);
    for case in cases {
        assert_eq!(verify(&case.request.request(), 0), Ok(()), "{}", case.name);
    }
}

fn credentials() -> Credentials {
    Credentials { access_key_id: "AKIDEXAMPLE".into(), secret_access_key: SECRET.into(), session_token: Some("token".into()) }
}

fn scope(service: &str) -> Scope<'_> {
    Scope { region: "us-east-1", service, time: at(0) }
}

fn plain() -> HttpRequest {
    let mut request = HttpRequest::new(Method::POST, "/clusters/a%2Fb");
    request.query = "b=2&a=1%201&a=0".into();
    request.body = "{}".into();
    request.set_header("host", "localhost:4566");
    request.set_header("content-type", "application/json");
    request
}

fn signed() -> HttpRequest {
    let mut request = plain();
    sigv4::sign(&mut request, &credentials(), scope("eks"));
    request
}

fn presigned(service: &str, expires: u32) -> HttpRequest {
    let mut request = HttpRequest::new(Method::GET, "/");
    request.query = "Action=GetCallerIdentity&Version=2011-06-15".into();
    request.set_header("host", "sts.us-east-1.amazonaws.com");
    sigv4::presign(&mut request, &credentials(), scope(service), expires);
    request
}

#[test]
fn own_signatures_verify() {
    assert_eq!(verify(&signed(), 0), Ok(()));
    let parsed = sigv4::parse(&signed()).expect("well formed").expect("signed");
    assert_eq!(
        (parsed.access_key_id.as_str(), parsed.region.as_str(), parsed.service.as_str()),
        ("AKIDEXAMPLE", "us-east-1", "eks")
    );
    assert_eq!((parsed.security_token.as_deref(), parsed.presigned, parsed.time), (Some("token"), false, at(0)));
    assert_eq!(verify(&presigned("sts", 60), 0), Ok(()));
    assert_eq!(sigv4::parse(&plain()), Ok(None));
}

type Change = fn(&mut HttpRequest);

#[test]
fn any_change_breaks_a_signature() {
    let changes: &[(&str, Change)] = &[
        ("method", |r| r.method = Method::PUT),
        ("path", |r| r.path = "/clusters/a/b".into()),
        ("query", |r| r.query = "b=2&a=1%201&a=1".into()),
        ("extra parameter", |r| r.query.push_str("&c=3")),
        ("body", |r| r.body = "[]".into()),
        ("host", |r| r.set_header("host", "localhost:4567")),
        ("content type", |r| r.set_header("content-type", "text/plain")),
        ("token", |r| r.set_header("x-amz-security-token", "other")),
        ("duplicate header", |r| {
            r.headers.append("content-type", "text/plain".parse().expect("a value"));
        }),
        ("stated hash", |r| r.set_header("x-amz-content-sha256", "e3b0")),
        ("unsigned target", |r| r.set_header("x-amz-target", "TrentService.Decrypt")),
        ("region", |r| replace(r, "us-east-1", "eu-west-1")),
        ("service", |r| replace(r, "/eks/", "/iam/")),
        ("day", |r| replace(r, "20150830", "20150831")),
        ("signature", |r| replace(r, "Signature=", "Signature=0")),
        ("signed headers", |r| replace(r, "SignedHeaders=content-type;", "SignedHeaders=")),
        ("order of signed headers", |r| replace(r, "content-type;host", "host;content-type")),
        ("host not signed", |r| replace(r, ";host;", ";")),
    ];
    for (name, change) in changes {
        let mut request = signed();
        change(&mut request);
        let refused = verify(&request, 0).expect_err(name);
        assert!(matches!(refused, AuthError::Mismatch | AuthError::Outdated(_)), "{name}: {refused:?}");
    }
}

fn replace(request: &mut HttpRequest, from: &str, to: &str) {
    let text = request.header("authorization").expect("signed").replace(from, to);
    request.set_header("authorization", &text);
}

/// The order of query parameters, the case of escapes and the spacing of headers mean nothing.
#[test]
fn equal_requests_verify_alike() {
    let changes: &[Change] = &[
        |r| r.query = "a=0&b=2&a=1+1".into(),
        |r| r.query = "%61=0&b=2&a=1%201".into(),
        |r| r.set_header("content-type", "  application/json "),
        |r| r.set_header("accept", "*/*"),
        |r| r.path = "//clusters/./x/../a%2Fb".into(),
        |r| replace(r, ", ", ","),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut request = signed();
        change(&mut request);
        assert_eq!(verify(&request, 0), Ok(()), "change {i}");
    }
}

#[test]
fn time() {
    let table: &[(HttpRequest, i64, Option<&str>)] = &[
        (signed(), 300, None),
        (
            signed(),
            301,
            Some("Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"),
        ),
        (signed(), -300, None),
        (
            signed(),
            -301,
            Some("Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"),
        ),
        (presigned("sts", 60), 900, None),
        (
            presigned("sts", 60),
            901,
            Some("Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"),
        ),
        (presigned("s3", 60), 60, None),
        (presigned("s3", 60), 61, Some("Request has expired.")),
    ];
    for (request, now, expected) in table {
        let message = verify(request, *now).err().map(|error| error.to_aws(Protocol::Query).message);
        assert_eq!(message.as_deref(), *expected, "{now}");
    }
}

#[test]
fn incomplete_headers() {
    let table = [
        (
            "AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_request, SignedHeaders=host",
            "Authorization header requires 'Signature' parameter.",
        ),
        (
            "AWS4-HMAC-SHA256",
            "Authorization header requires 'Credential' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires 'Signature' parameter.",
        ),
        ("AWS4-HMAC-SHA256 nonsense", "'nonsense' is not a key=value pair"),
        (
            "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'",
        ),
        ("AWS4-HMAC-SHA256 Signature=0, Signature=1", "Authorization header has 'Signature' twice"),
        ("Bearer x", "Unsupported AWS 'algorithm': 'Bearer'."),
    ];
    for (header, expected) in table {
        let mut request = plain();
        request.set_header("x-amz-date", "20150830T123600Z");
        request.set_header("authorization", header);
        assert_eq!(sigv4::parse(&request), Err(AuthError::Incomplete(expected.to_owned())), "{header}");
    }
    let mut undated = signed();
    undated.headers.remove("x-amz-date");
    assert!(
        matches!(sigv4::parse(&undated), Err(AuthError::Incomplete(text)) if text.contains("'X-Amz-Date' or a 'Date' header"))
    );
    let mut both = signed();
    both.query = presigned("sts", 60).query;
    assert!(matches!(sigv4::parse(&both), Err(AuthError::Incomplete(_))));
    for gone in ["X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Algorithm"] {
        let mut request = presigned("sts", 60);
        request.query = request.query.replace(gone, "Other");
        let expected = format!("AWS query-string parameters must include '{gone}'.");
        assert_eq!(sigv4::parse(&request), Err(AuthError::Incomplete(expected)), "{gone}");
    }
}

/// A token made for STS's public name is checked under that name, wherever it was sent.
#[test]
fn another_host() {
    let mut request = presigned("sts", 60);
    request.set_header("host", "127.0.0.1:4566");
    let signed = sigv4::parse(&request).expect("well formed").expect("signed");
    assert_eq!(signed.verify(&request, SECRET, at(0)), Err(AuthError::Mismatch));
    assert_eq!(signed.verify_for_host(&request, SECRET, at(0), Some("sts.us-east-1.amazonaws.com")), Ok(()));
}

#[test]
fn names_by_protocol() {
    let outdated = AuthError::Outdated("x".into());
    let table = [
        (
            &AuthError::Missing,
            [
                "MissingAuthenticationToken 403",
                "MissingParameter 400",
                "MissingAuthenticationTokenException 400",
                "MissingAuthenticationTokenException 403",
            ],
        ),
        (
            &AuthError::UnknownKey,
            ["InvalidClientTokenId 403", "AuthFailure 401", "UnrecognizedClientException 400", "UnrecognizedClientException 403"],
        ),
        (
            &AuthError::Mismatch,
            ["SignatureDoesNotMatch 403", "AuthFailure 401", "InvalidSignatureException 400", "InvalidSignatureException 403"],
        ),
        (
            &outdated,
            ["SignatureDoesNotMatch 403", "AuthFailure 401", "InvalidSignatureException 400", "InvalidSignatureException 403"],
        ),
        (
            &AuthError::ExpiredToken,
            ["ExpiredToken 403", "RequestExpired 400", "ExpiredTokenException 400", "ExpiredTokenException 403"],
        ),
    ];
    let protocols = [Protocol::Query, Protocol::Ec2, Protocol::Json, Protocol::RestJson];
    for (error, expected) in table {
        let named = protocols.map(|protocol| error.to_aws(protocol)).map(|error| format!("{} {}", error.code, error.status));
        assert_eq!(named, expected, "{error:?}");
    }
}
