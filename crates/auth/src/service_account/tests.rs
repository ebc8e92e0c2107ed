use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meta::{FieldErrors, Time};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

const URL: &str = "https://oidc.eks.us-east-1.amazonaws.com/id/ABC";

fn now() -> Time {
    Time::parse("2026-11-20T10:00:00Z").expect("a time")
}

/// One key for all tests: making one is slow.
fn key() -> Arc<SigningKey> {
    static KEY: OnceLock<Arc<SigningKey>> = OnceLock::new();
    KEY.get_or_init(|| Arc::new(SigningKey::generate().expect("a key"))).clone()
}

fn issuer() -> Issuer {
    Issuer::new(URL, key(), vec!["https://kubernetes.default.svc".into()])
}

fn subject() -> Subject {
    Subject {
        namespace: "ns".into(),
        service_account: ObjectRef::new("robot", "sa-uid"),
        binding: Binding::Pod { pod: ObjectRef::new("web", "pod-uid"), node: Some(ObjectRef::new("n1", "node-uid")) },
        audiences: Vec::new(),
        expiration_seconds: 3600,
    }
}

#[test]
fn a_token_proves_its_service_account() {
    let issued = issuer().sign(&subject(), "id-1", now()).expect("a token");
    assert_eq!(issued.expires, now().plus_seconds(3600));
    let verified = issuer().verify(&issued.token, &[], now()).expect("a good token");
    let user = &verified.user;
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("system:serviceaccount:ns:robot", "sa-uid"));
    assert_eq!(user.groups, ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"]);
    for (extra, value) in
        [(POD_NAME, "web"), (POD_UID, "pod-uid"), (NODE_NAME, "n1"), (NODE_UID, "node-uid"), (CREDENTIAL_ID, "JTI=id-1")]
    {
        assert_eq!(user.extra[extra], [value]);
    }
    assert_eq!(verified.audiences, ["https://kubernetes.default.svc"]);
    let payload = URL_SAFE_NO_PAD.decode(issued.token.split('.').nth(1).expect("a payload")).expect("base64");
    assert_eq!(
        serde_json::from_slice::<Value>(&payload).expect("JSON"),
        json!({"aud": ["https://kubernetes.default.svc"], "exp": now().unix() + 3600, "iat": now().unix(), "nbf": now().unix(),
            "iss": URL, "jti": "id-1", "sub": "system:serviceaccount:ns:robot", "kubernetes.io": {"namespace": "ns",
            "node": {"name": "n1", "uid": "node-uid"}, "pod": {"name": "web", "uid": "pod-uid"},
            "serviceaccount": {"name": "robot", "uid": "sa-uid"}}})
    );
}

#[test]
fn a_token_is_good_for_its_time_and_audience_only() {
    let issuer = issuer();
    let token = issuer.sign(&subject(), "id", now()).expect("a token").token;
    let for_sts = Subject { audiences: vec!["sts.amazonaws.com".into()], ..subject() };
    let sts = issuer.sign(&for_sts, "id", now()).expect("a token").token;
    for (token, wanted, seconds, expected) in [
        (&token, "", 3600, ""),
        (&token, "", 3660, ""),
        (&token, "", 3661, "service account token has expired"),
        (&token, "", -60, ""),
        (&token, "", -61, "service account token is not valid yet"),
        (&sts, "sts.amazonaws.com", 0, ""),
        (
            &sts,
            "",
            0,
            r#"token audiences ["sts.amazonaws.com"] is invalid for the target audiences ["https://kubernetes.default.svc"]"#,
        ),
    ] {
        let wanted: Vec<String> = Some(wanted.to_owned()).filter(|w| !w.is_empty()).into_iter().collect();
        let result = issuer.verify(token, &wanted, now().plus_seconds(seconds));
        assert_eq!(result.err().map(|e| e.to_string()).unwrap_or_default(), expected, "{wanted:?} {seconds}");
    }
}

#[test]
fn foreign_and_forged_tokens_are_told_apart() {
    let ours = issuer();
    let token = ours.sign(&subject(), "id", now()).expect("a token").token;
    let stranger = Arc::new(SigningKey::generate().expect("a key"));
    let sign = |issuer: &Issuer| issuer.sign(&subject(), "id", now()).expect("a token").token;
    let other_url = sign(&Issuer::new("https://elsewhere", key(), Vec::new()));
    let other_key = sign(&Issuer::new(URL, stranger.clone(), Vec::new()));
    let [header, payload, signature] = <[&str; 3]>::try_from(token.split('.').collect::<Vec<_>>()).expect("three parts");
    let with_header = |header: Value| format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON");
    claims["kubernetes.io"]["serviceaccount"]["name"] = "admin".into();
    let other_claims = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    for (token, foreign, text) in [
        ("", true, ""),
        ("k8s-aws-v1.abc", true, ""),
        ("a.b.c", true, ""),
        ("a.b.c.d", true, ""),
        (&format!("{token}.x"), true, ""),
        (&other_url, true, ""),
        (&other_key, false, "invalid signature, no keys found"),
        (&other_claims, false, "error in cryptographic primitive"),
        (&format!("{header}.{payload}."), false, "error in cryptographic primitive"),
        (&with_header(json!({"alg": "none"})), false, r#"unexpected signature algorithm "none"; expected ["RS256"]"#),
        (&with_header(json!({"alg": "HS256"})), false, r#"unexpected signature algorithm "HS256"; expected ["RS256"]"#),
    ] {
        match ours.verify(token, &[], now()).expect_err("a refusal") {
            TokenError::Foreign => assert!(foreign, "{token}"),
            TokenError::Invalid(got) => assert_eq!((foreign, got.as_str()), (false, text), "{token}"),
        }
    }
    let both = issuer().accept(stranger.public().clone());
    let elsewhere = Issuer::new(URL, stranger, vec!["https://kubernetes.default.svc".into()]);
    assert!(both.verify(&sign(&elsewhere), &[], now()).is_ok(), "a rotated key stays good");
}

#[test]
fn kubelets_tokens_outlive_what_they_say() {
    let issuer = issuer();
    let issued = issuer.sign(&Subject { expiration_seconds: 3607, ..subject() }, "id", now()).expect("a token");
    assert_eq!(issued.expires, now().plus_seconds(3607));
    let claims = issuer.verify(&issued.token, &[], now().plus_seconds(89 * 86_400)).expect("a good token").claims;
    assert_eq!(claims.kubernetes.warnafter, Some(now().unix() + 3607));
    for other in [
        Subject { expiration_seconds: 3607, binding: Binding::ServiceAccount, ..subject() },
        Subject { expiration_seconds: 3607, audiences: vec!["sts.amazonaws.com".into()], ..subject() },
    ] {
        let issued = issuer.sign(&other, "id", now()).expect("a token");
        let wanted = [issuer.audiences()[0].clone(), "sts.amazonaws.com".into()];
        assert!(issuer.verify(&issued.token, &wanted, now().plus_seconds(4000)).is_err());
    }
}

#[test]
fn tokens_die_with_their_objects() {
    let claims = |binding| {
        let issued = issuer().sign(&Subject { binding, ..subject() }, "id", now()).expect("a token");
        issuer().verify(&issued.token, &[], now()).expect("a good token").claims
    };
    let pod = || Binding::Pod { pod: ObjectRef::new("web", "u"), node: Some(ObjectRef::new("gone", "")) };
    let old = Some(now().plus_seconds(-61));
    for (binding, account, bound, text) in [
        (pod(), Some(("sa-uid", None)), Some(("u", None)), ""),
        (pod(), None, Some(("u", None)), "serviceaccounts \"robot\" not found"),
        (pod(), Some(("x", None)), Some(("u", None)), "service account UID (x) does not match claim (sa-uid)"),
        (pod(), Some(("sa-uid", old)), Some(("u", None)), "service account ns/robot has been deleted"),
        (pod(), Some(("sa-uid", None)), None, GONE),
        (pod(), Some(("sa-uid", None)), Some(("u", old)), GONE),
        (pod(), Some(("sa-uid", None)), Some(("u", Some(now()))), ""),
        (pod(), Some(("sa-uid", None)), Some(("v", None)), "pod UID (v) does not match service account pod ref claim (u)"),
        (Binding::Node(ObjectRef::new("n", "u")), Some(("sa-uid", None)), None, GONE),
        (
            Binding::Secret(ObjectRef::new("s", "u")),
            Some(("sa-uid", None)),
            Some(("v", None)),
            "secret UID (v) does not match service account secret ref claim (u)",
        ),
        (Binding::ServiceAccount, Some(("sa-uid", None)), None, ""),
    ] {
        let existing = |(uid, deletion_timestamp): (&str, _)| Existing { uid: uid.into(), deletion_timestamp };
        let result = check_bound_objects(&claims(binding.clone()), now(), |kind, namespace, _| {
            assert_eq!(namespace, if kind == BoundKind::Node { "" } else { "ns" });
            if kind == BoundKind::ServiceAccount { account.map(existing) } else { bound.map(existing) }
        });
        assert_eq!(result.err().unwrap_or_default(), text, "{binding:?}");
    }
}
const GONE: &str = "service account token has been invalidated";

#[test]
fn requests_are_validated_as_upstream() {
    for (seconds, text) in [
        (600, "[]"),
        (599, "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes"),
        (1_i64 << 32, "[]"),
        (
            (1_i64 << 32) + 1,
            "spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds",
        ),
    ] {
        let mut errors = FieldErrors::default();
        validate_token_request(&json!({"spec": {"expirationSeconds": seconds}}), &mut errors);
        assert_eq!(errors.aggregate(), text);
    }
    let mut request = json!({"spec": {}});
    set_defaults(&mut request);
    assert_eq!(request["spec"]["expirationSeconds"], 3600);
    assert_eq!(shorten(86_400), (86_400, None));
    assert_eq!(shorten(90_000), (86_400, Some("requested expiration of 90000 seconds shortened to 86400 seconds".into())));
}

#[test]
fn keys_are_kept_and_published() {
    let reread = SigningKey::from_pem(&key().to_pem().expect("PEM")).expect("what was written");
    assert_eq!(reread.public(), key().public());
    let jwks = issuer().jwks();
    assert_eq!(jwks["keys"][0]["kid"], key().public().key_id.as_str());
    assert_eq!((&jwks["keys"][0]["e"], &jwks["keys"][0]["alg"]), (&json!("AQAB"), &json!("RS256")));
    assert_eq!(jwks["keys"][0]["n"].as_str().map(str::len), Some(342));
    assert_eq!(issuer().discovery("https://x/keys")["issuer"], URL);
    assert!(!format!("{:?}", issuer()).contains("PRIVATE"));
    assert!(SigningKey::from_pem("nonsense").is_err());
}
