//! Every operation of every service, there and back: the client half writes, the server half reads, and the other way round.

mod shared;

use aws_wire::{
    AwsError, HttpReply, HttpRequest, Model, Operation, check_output, decode_output, encode_error, encode_output, encode_request,
    parse_input, route, services,
};
use serde_json::{Map, Value};
use shared::sample::Sampler;

const SEEDS: u64 = 4;

fn every(mut check: impl FnMut(&'static Model, &'static Operation, Sampler<'static>)) -> usize {
    let mut count = 0;
    for model in services().filter_map(Model::load) {
        for op in model.operations().filter(|op| !model.has_event_stream(op)) {
            count += 1;
            (0..SEEDS).for_each(|seed| check(model, op, Sampler { model, state: seed << 32 | count }));
        }
    }
    count as usize
}

#[test]
fn inputs() {
    let count = every(|model, op, mut sampler| {
        let input = model.input(op).map(|shape| sampler.structure(shape, 0)).unwrap_or_default();
        let input = Value::Object(input);
        let request = encode_request(model, op, &input);
        let (routed, found) = route(model.signing_name(), &request).unwrap_or_else(|e| panic!("{}: {e}\n{request:?}", op.name));
        assert_eq!((routed.service(), &found.name), (model.service(), &op.name));
        assert_eq!(parse_input(model, op, &request), Ok(input), "{}: {request:?}", op.name);
    });
    assert!(count > 1600, "{count}");
}

#[test]
fn outputs() {
    every(|model, op, mut sampler| {
        let output = Value::Object(model.output(op).map(|shape| sampler.structure(shape, 0)).unwrap_or_default());
        assert_eq!(check_output(model, op, &output), Ok(()));
        let reply = encode_output(model, op, &output, "request-1");
        assert_eq!(reply.header("x-amzn-requestid"), Some("request-1"));
        assert_eq!(decode_output(model, op, &reply), Ok(output), "{}: {reply:?}", op.name);
    });
}

#[test]
fn errors() {
    every(|model, op, mut sampler| {
        for shape in op.errors.iter().map(|id| model.shape(*id)) {
            let mut error = AwsError::modelled(model, shape.error_code(), "it <failed>");
            error.members = sampler.structure(shape, 0);
            error.members.retain(|name, _| !name.eq_ignore_ascii_case("message") && name != "ErrorCode");
            let reply = encode_error(model, &error, "request-1");
            assert_eq!(decode_output(model, op, &reply), Err(error), "{}: {reply:?}", op.name);
        }
    });
}

/// Whatever arrives, the answer is an error and not a panic.
#[test]
fn hostile_inputs() {
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + &close.repeat(n);
    let bodies = [
        deep("{\"a\":", "}", 100_000),
        deep("[", "]", 100_000),
        deep("<a>", "</a>", 100_000),
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".into(),
        "Filter.1".to_owned() + &".1".repeat(100_000) + "=x",
        "a=b&".repeat(50_000),
        "\u{0}".repeat(10),
        "<a".into(),
        "{\"name\": [1, {\"x\": null}]}".into(),
        "null".into(),
    ];
    for model in services().filter_map(Model::load) {
        for body in &bodies {
            for op in model.operations().filter(|op| op.method == "POST").take(20) {
                let mut request: HttpRequest = encode_request(model, op, &Value::Object(Map::new()));
                request.body = body.clone().into();
                if let Err(error) = parse_input(model, op, &request) {
                    let reply: HttpReply = encode_error(model, &error, "request-1");
                    assert!(reply.body.len() < 2000, "{}", op.name);
                }
            }
        }
    }
}
