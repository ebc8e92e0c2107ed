//! The compact table: shapes are numbered in name order, absent facts are absent keys.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::source::{Member, Operation, Paginators, Service, Shape, Waiters};

pub fn build(name: &str, service: &Service, waiters: Option<Waiters>, paginators: Option<Paginators>) -> Result<Value, String> {
    let numbers: BTreeMap<&str, usize> = service.shapes.keys().enumerate().map(|(i, shape)| (shape.as_str(), i)).collect();
    let table = Table { numbers };
    let meta = &service.metadata;
    let mut out = Map::new();
    put(&mut out, "service", Some(name));
    put(&mut out, "signingName", Some(meta.signing_name.as_ref().unwrap_or(&meta.endpoint_prefix)));
    put(&mut out, "endpointPrefix", Some(&meta.endpoint_prefix));
    put(&mut out, "protocol", Some(&meta.protocol));
    put(&mut out, "jsonVersion", meta.json_version.as_ref());
    put(&mut out, "apiVersion", Some(&meta.api_version));
    put(&mut out, "targetPrefix", meta.target_prefix.as_ref());
    put(&mut out, "xmlNamespace", namespace(service));
    let operations = service.operations.iter().map(|(name, op)| table.operation(name, op));
    out.insert("operations".into(), operations.collect::<Result<Vec<_>, _>>()?.into());
    let shapes = service.shapes.iter().map(|(name, shape)| table.shape(name, shape));
    out.insert("shapes".into(), shapes.collect::<Result<Vec<_>, _>>()?.into());
    out.insert("waiters".into(), waiters.map(waiter_rows).unwrap_or_default().into());
    out.insert("paginators".into(), paginators.map(paginator_rows).unwrap_or_default().into());
    Ok(Value::Object(out))
}

/// Route 53 states its namespace only on inputs, and answers in the same one.
fn namespace(service: &Service) -> Option<&String> {
    let inputs = service.operations.values().filter_map(|op| op.input.as_ref()?.xml_namespace.as_ref());
    service.metadata.xml_namespace.as_ref().or_else(|| inputs.map(|ns| &ns.uri).next())
}

struct Table<'a> {
    numbers: BTreeMap<&'a str, usize>,
}

impl Table<'_> {
    fn number(&self, shape: &str) -> Result<usize, String> {
        self.numbers.get(shape).copied().ok_or_else(|| format!("no shape {shape}"))
    }

    fn operation(&self, name: &str, op: &Operation) -> Result<Value, String> {
        let mut row = Map::new();
        put(&mut row, "name", Some(name));
        put(&mut row, "method", Some(&op.http.method));
        put(&mut row, "uri", Some(&op.http.request_uri));
        put(&mut row, "status", op.http.response_code.filter(|code| *code != 200));
        if let Some(input) = &op.input {
            put(&mut row, "input", Some(self.number(&input.shape)?));
            put(&mut row, "inputName", input.location_name.as_ref());
            put(&mut row, "inputNamespace", input.xml_namespace.as_ref().map(|ns| &ns.uri));
        }
        if let Some(output) = &op.output {
            put(&mut row, "output", Some(self.number(&output.shape)?));
            put(&mut row, "wrapper", output.result_wrapper.as_ref());
        }
        let errors = op.errors.iter().map(|error| self.number(&error.shape)).collect::<Result<Vec<_>, _>>()?;
        put(&mut row, "errors", Some(errors).filter(|errors| !errors.is_empty()));
        flag(&mut row, "unsigned", op.authtype.as_deref() == Some("none"));
        Ok(Value::Object(row))
    }

    fn shape(&self, name: &str, shape: &Shape) -> Result<Value, String> {
        let mut row = Map::new();
        put(&mut row, "name", Some(name));
        put(&mut row, "type", Some(&shape.kind));
        if shape.kind == "structure" {
            let required: BTreeSet<&str> = shape.required.iter().map(String::as_str).collect();
            let members =
                shape.members.0.iter().map(|(name, member)| self.member(name, member, required.contains(name.as_str())));
            row.insert("members".into(), members.collect::<Result<Vec<_>, _>>()?.into());
        }
        for (key, part) in [("member", &shape.member), ("key", &shape.key), ("value", &shape.value)] {
            if let Some(part) = part {
                row.insert(key.into(), self.member("", part, false)?);
            }
        }
        put(&mut row, "payload", shape.payload.as_ref());
        put(&mut row, "enum", Some(&shape.values).filter(|values| !values.is_empty()));
        put(&mut row, "pattern", shape.pattern.as_ref());
        put(&mut row, "min", shape.min.as_ref());
        put(&mut row, "max", shape.max.as_ref());
        put(&mut row, "timestampFormat", shape.timestamp_format.as_ref());
        flag(&mut row, "flattened", shape.flattened);
        flag(&mut row, "sensitive", shape.sensitive);
        flag(&mut row, "exception", shape.exception);
        flag(&mut row, "union", shape.union);
        flag(&mut row, "eventStream", shape.eventstream);
        flag(&mut row, "streaming", shape.streaming);
        if let Some(error) = &shape.error {
            put(&mut row, "errorCode", error.code.as_ref());
            put(&mut row, "errorStatus", error.http_status_code);
        }
        flag(&mut row, "receiverFault", shape.fault && !shape.error.as_ref().is_some_and(|error| error.sender_fault));
        Ok(Value::Object(row))
    }

    fn member(&self, name: &str, member: &Member, required: bool) -> Result<Value, String> {
        let mut row = Map::new();
        put(&mut row, "name", Some(name).filter(|name| !name.is_empty()));
        put(&mut row, "shape", Some(self.number(&member.shape)?));
        put(&mut row, "location", member.location.as_ref());
        put(&mut row, "locationName", member.location_name.as_ref());
        put(&mut row, "queryName", member.query_name.as_ref());
        put(&mut row, "xmlNamespace", member.xml_namespace.as_ref().map(|ns| json!([ns.prefix, ns.uri])));
        put(&mut row, "timestampFormat", member.timestamp_format.as_ref());
        flag(&mut row, "required", required);
        flag(&mut row, "flattened", member.flattened);
        flag(&mut row, "xmlAttribute", member.xml_attribute);
        flag(&mut row, "idempotencyToken", member.idempotency_token);
        flag(&mut row, "streaming", member.streaming);
        Ok(Value::Object(row))
    }
}

fn waiter_rows(waiters: Waiters) -> Vec<Value> {
    let rows = waiters.waiters.into_iter().map(|(name, waiter)| {
        let acceptors: Vec<Value> = waiter.acceptors.into_iter().map(acceptor).collect();
        json!({"name": name, "operation": waiter.operation, "delay": waiter.delay, "maxAttempts": waiter.max_attempts, "acceptors": acceptors})
    });
    rows.collect()
}

fn acceptor(row: Value) -> Value {
    let facts = ["state", "matcher", "argument", "expected"];
    facts.iter().filter_map(|fact| Some(((*fact).to_owned(), row.get(fact)?.clone()))).collect::<Map<_, _>>().into()
}

fn paginator_rows(paginators: Paginators) -> Vec<Value> {
    let rows = paginators.pagination.into_iter().map(|(operation, facts)| {
        let many = |key: &str| match facts.get(key) {
            Some(Value::Array(items)) => items.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        let mut row = Map::new();
        put(&mut row, "operation", Some(operation));
        put(&mut row, "input", Some(many("input_token")));
        put(&mut row, "output", Some(many("output_token")));
        put(&mut row, "result", Some(many("result_key")));
        put(&mut row, "limit", facts.get("limit_key"));
        put(&mut row, "more", facts.get("more_results"));
        Value::Object(row)
    });
    rows.collect()
}

fn put<T: serde::Serialize>(row: &mut Map<String, Value>, key: &str, value: Option<T>) {
    if let Some(value) = value {
        row.insert(key.to_owned(), json!(value));
    }
}

fn flag(row: &mut Map<String, Value>, key: &str, set: bool) {
    put(row, key, set.then_some(true));
}
