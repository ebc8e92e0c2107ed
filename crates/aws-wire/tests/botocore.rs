//! Requests that botocore made and signed: routed, parsed and verified here.

mod shared;

use aws_wire::{Model, encode_request, parse_input, route, route_unsigned, sigv4};
use jiff::Timestamp;
use shared::{Call, SECRET, SIGNED_AT, read};

fn golden() -> String {
    std::env::var("AWS_WIRE_GOLDEN").unwrap_or_else(|_| "botocore_requests".to_owned())
}

#[test]
fn requests_parse_to_their_input() {
    for call in read::<Call>(&golden()) {
        let what = format!("{} {}", call.service, call.operation);
        let request = call.request.request();
        let signing_name = Model::load(&call.service).expect("a built-in service").signing_name();
        let routed = match request.headers.contains_key("authorization") {
            true => route(signing_name, &request).unwrap_or_else(|e| panic!("{what}: {e}")),
            false => route_unsigned(&request).unwrap_or_else(|| panic!("{what}: needs a signature")),
        };
        let (model, op) = routed;
        assert_eq!((model.service(), op.name.as_str()), (call.service.as_str(), call.operation.as_str()));
        let input = parse_input(model, op, &request).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(input, call.input, "{what}: {:?}", request);
    }
}

/// The client half says the same as botocore, but for the order of things.
#[test]
fn requests_are_made_as_botocore_makes_them() {
    let sorted = |text: &str| {
        let mut pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        pairs.sort();
        pairs
    };
    for call in read::<Call>(&golden()) {
        let what = format!("{} {}", call.service, call.operation);
        let theirs = call.request.request();
        let model = Model::load(&call.service).expect("a built-in service");
        let op = model.operation(&call.operation).expect("a modelled operation");
        let ours = encode_request(model, op, &call.input);
        assert_eq!((&ours.method, &ours.path), (&theirs.method, &theirs.path), "{what}");
        assert_eq!(sorted(&ours.query), sorted(&theirs.query), "{what}");
        if ours.is_form() {
            let text = |request: &aws_wire::HttpRequest| String::from_utf8(request.body.to_vec()).expect("text");
            assert_eq!(sorted(&text(&ours)), sorted(&text(&theirs)), "{what}");
        }
    }
}

#[test]
fn signatures_verify() {
    let now = Timestamp::from_second(SIGNED_AT + 60).expect("in range");
    for call in read::<Call>(&golden()) {
        let request = call.request.request();
        let Some(signed) = sigv4::parse(&request).expect("well formed") else {
            let model = Model::load(&call.service).expect("a built-in service");
            assert!(model.operation(&call.operation).expect("modelled").unsigned, "{}", call.operation);
            continue;
        };
        assert_eq!(signed.verify(&request, SECRET, now), Ok(()), "{} {}", call.service, call.operation);
        assert_eq!(signed.verify(&request, "other", now), Err(sigv4::AuthError::Mismatch));
    }
}
