//! Structural schemas: pruning, defaults and validation of custom resources, in apiextensions' words.

use schema::{FieldValidation, Schema, Structural};
use serde_json::{Value, json};

fn compile(spec: Value) -> Structural {
    let schema = json!({"type": "object", "properties": {"spec": spec}, "required": ["spec"]});
    Schema::minor(36).expect("supported").structural(&schema).expect("a valid schema")
}

fn errors(spec: Value, doc: Value) -> Vec<String> {
    compile(spec).validate(&doc).0.iter().map(ToString::to_string).collect()
}

#[test]
fn unknown_fields_are_pruned_unless_preserved() {
    let structural = compile(json!({"type": "object", "properties": {
        "a": {"type": "string"},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "half": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"x": {"type": "object"}}},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"k": {"type": "string"}}}},
        "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
    }}));
    let mut doc = json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "n", "nope": 1, "creationTimestamp": null}, "extra": 1,
        "spec": {"a": "x", "b": 1, "open": {"any": {"thing": 1}}, "half": {"x": {"y": 1}, "z": 1},
            "map": {"m": {"k": "v", "l": 1}}, "pod": {"kind": "Pod", "spec": {}, "metadata": {"bad": 1, "name": "p"}}}});
    let decoded = structural.decode(&mut doc, FieldValidation::Strict);
    let unknown = ["extra", "metadata.nope", "spec.b", "spec.half.x.y", "spec.map.m.l", "spec.pod.metadata.bad"];
    assert_eq!(decoded.unknown, unknown.map(|path| format!("unknown field \"{path}\"")));
    assert_eq!(decoded.type_error, None);
    assert_eq!(
        doc,
        json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "n"},
            "spec": {"a": "x", "open": {"any": {"thing": 1}}, "half": {"x": {}, "z": 1}, "map": {"m": {"k": "v"}},
                "pod": {"kind": "Pod", "spec": {}, "metadata": {"name": "p"}}}})
    );
    let mut doc = json!({"metadata": {"name": 1}, "spec": {"a": 1}});
    let decoded = structural.decode(&mut doc, FieldValidation::Ignore);
    let text = "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string";
    assert_eq!(decoded.type_error.as_deref(), Some(text));
}

#[test]
fn defaults_fill_what_is_missing_and_nulls_that_may_not_be() {
    let structural = compile(json!({"type": "object", "default": {}, "properties": {
        "size": {"type": "integer", "default": 3},
        "null_ok": {"type": "string", "nullable": true, "default": "x"},
        "plain": {"type": "string"},
        "list": {"type": "array", "items": {"type": "object", "properties": {"p": {"type": "string", "default": "TCP"}}}},
    }}));
    let cases = [
        (json!({}), json!({"spec": {"size": 3, "null_ok": "x"}})),
        (json!({"spec": {"size": null, "null_ok": null, "plain": null}}), json!({"spec": {"size": 3, "null_ok": null}})),
        (
            json!({"spec": {"size": 1, "list": [{}, {"p": "UDP"}]}}),
            json!({"spec": {"size": 1, "null_ok": "x", "list": [{"p": "TCP"}, {"p": "UDP"}]}}),
        ),
    ];
    for (mut doc, expected) in cases {
        let shown = doc.to_string();
        structural.apply_defaults(&mut doc);
        assert_eq!(doc, expected, "{shown}");
    }
}

#[test]
fn validation_errors_read_as_upstream_prints_them() {
    let of = |property: Value| json!({"type": "object", "properties": {"f": property}});
    let cases = [
        (
            of(json!({"type": "integer"})),
            json!("a"),
            "spec.f: Invalid value: \"string\": spec.f in body must be of type integer: \"string\"",
        ),
        (
            of(json!({"type": "string", "enum": ["a", "b"]})),
            json!("c"),
            "spec.f: Unsupported value: \"c\": supported values: \"a\", \"b\"",
        ),
        (
            of(json!({"type": "string", "pattern": "^a$"})),
            json!("b"),
            "spec.f: Invalid value: \"b\": spec.f in body should match '^a$'",
        ),
        (
            of(json!({"type": "integer", "minimum": 1})),
            json!(0),
            "spec.f: Invalid value: 0: spec.f in body should be greater than or equal to 1",
        ),
        (
            of(json!({"type": "integer", "maximum": 5, "exclusiveMaximum": true})),
            json!(5),
            "spec.f: Invalid value: 5: spec.f in body should be less than 5",
        ),
        (
            of(json!({"type": "string", "minLength": 2})),
            json!("a"),
            "spec.f: Invalid value: \"a\": spec.f in body should be at least 2 chars long",
        ),
        (of(json!({"type": "string", "maxLength": 2})), json!("abc"), "spec.f: Too long: may not be more than 2 bytes"),
        (
            of(json!({"type": "array", "items": {"type": "string"}, "maxItems": 1})),
            json!(["a", "b"]),
            "spec.f: Too many: 2: must have at most 1 item",
        ),
        (
            of(json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"})),
            json!(["a", "a"]),
            "spec.f[1]: Duplicate value: \"a\"",
        ),
        (
            of(
                json!({"type": "array", "items": {"type": "object", "properties": {"n": {"type": "string"}}}, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}),
            ),
            json!([{"n": "a"}, {"n": "a"}]),
            "spec.f[1]: Duplicate value: {\"n\":\"a\"}",
        ),
        (
            of(json!({"type": "object", "additionalProperties": {"type": "string"}})),
            json!({"k": 1}),
            "spec.f.k: Invalid value: \"integer\": spec.f.k in body must be of type string: \"integer\"",
        ),
        (
            of(json!({"type": "string", "format": "date-time"})),
            json!("x"),
            "spec.f: Invalid value: \"x\": spec.f in body must be of type date-time: \"x\"",
        ),
        (
            of(json!({"x-kubernetes-int-or-string": true})),
            json!(true),
            "spec.f: Invalid value: \"boolean\": spec.f in body must be of type integer,string: \"boolean\"",
        ),
        (
            of(json!({"type": "string"})),
            Value::Null,
            "spec.f: Invalid value: \"null\": spec.f in body must be of type string: \"null\"",
        ),
    ];
    for (spec, value, expected) in cases {
        assert_eq!(errors(spec, json!({"spec": {"f": value}})), [expected]);
    }
    assert_eq!(errors(json!({"type": "object"}), json!({})), ["spec: Required value"]);
    let nested = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    assert_eq!(errors(nested, json!({"spec": {}})), ["spec.a: Required value"]);
    let one_of = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
    assert_eq!(
        errors(one_of, json!({"spec": {"a": "1", "b": "2"}})),
        ["<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found 2 valid alternatives"]
    );
}
