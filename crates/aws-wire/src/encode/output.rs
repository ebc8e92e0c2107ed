//! Successful replies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{EC2_NAMESPACE, content_type, identify};
use crate::http::{HttpReply, HttpRequest};
use crate::model::{Location, Member, Model, Operation, Protocol, Shape, ShapeKind, TimestampFormat};
use crate::xml::{XmlStyle, XmlWriter, write_members};
use crate::{json as json_codec, scalar};

/// The reply that carries `value`, the operation's output by member name. Members the model does not know are left out
/// ([`crate::check_output`] finds them in tests).
pub fn encode_output(model: &Model, op: &Operation, value: &Value, request_id: &str) -> HttpReply {
    let none = Map::new();
    let fields = value.as_object().unwrap_or(&none);
    let shape = model.output(op);
    let mut reply = match model.protocol() {
        Protocol::Query => whole(model, op, query(model, op, shape, fields, request_id)),
        Protocol::Ec2 => whole(model, op, ec2(model, op, shape, fields, request_id)),
        Protocol::Json => whole(model, op, shape.map_or_else(String::new, |shape| json_text(model, shape, fields))),
        Protocol::RestJson | Protocol::RestXml => rest(model, op, shape, fields),
    };
    identify(&mut reply, request_id);
    reply
}

/// [`encode_output`], as this request wants it: the query services answer `Accept: application/json` in JSON, and
/// aws-iam-authenticator reads nothing else.
pub fn encode_output_for(request: &HttpRequest, model: &Model, op: &Operation, value: &Value, request_id: &str) -> HttpReply {
    match model.protocol() {
        Protocol::Query if wants_json(request) => query_json(model, op, value, request_id),
        _ => encode_output(model, op, value, request_id),
    }
}

pub(super) fn wants_json(request: &HttpRequest) -> bool {
    let kinds = request.header("accept").unwrap_or_default().split(',');
    kinds.map(|kind| kind.split(';').next().unwrap_or_default().trim()).any(|kind| kind.eq_ignore_ascii_case("application/json"))
}

fn query_json(model: &Model, op: &Operation, value: &Value, request_id: &str) -> HttpReply {
    let fields = value.as_object().zip(model.output(op)).map(|(fields, shape)| json_codec::encode_members(model, shape, fields));
    let mut body = json!({"ResponseMetadata": {"RequestId": request_id}});
    if let Some(wrapper) = &op.wrapper {
        body[wrapper] = Value::Object(fields.unwrap_or_default());
    }
    let body = json!({format!("{}Response", op.name): body});
    let mut reply = HttpReply::new(op.status, "application/json", body.to_string());
    identify(&mut reply, request_id);
    reply
}

fn whole(model: &Model, op: &Operation, body: String) -> HttpReply {
    HttpReply::new(op.status, content_type(model.protocol(), model.json_version()), body)
}

fn json_text(model: &Model, shape: &Shape, fields: &Map<String, Value>) -> String {
    Value::Object(json_codec::encode_members(model, shape, fields)).to_string()
}

fn query(model: &Model, op: &Operation, shape: Option<&Shape>, fields: &Map<String, Value>, request_id: &str) -> String {
    let mut xml = XmlWriter::default();
    let namespace = model.xml_namespace().unwrap_or_default();
    xml.element(&format!("{}Response", op.name), &[("xmlns", namespace)], |xml| {
        if let (Some(shape), Some(wrapper)) = (shape, &op.wrapper) {
            xml.element(wrapper, &[], |xml| write_members(xml, XmlStyle { model, millis: false }, shape, fields));
        }
        xml.element("ResponseMetadata", &[], |xml| xml.leaf("RequestId", request_id));
    });
    xml.finish()
}

fn ec2(model: &Model, op: &Operation, shape: Option<&Shape>, fields: &Map<String, Value>, request_id: &str) -> String {
    let mut xml = XmlWriter::document();
    xml.element(&format!("{}Response", op.name), &[("xmlns", EC2_NAMESPACE)], |xml| {
        xml.leaf("requestId", request_id);
        match shape {
            Some(shape) => write_members(xml, XmlStyle { model, millis: true }, shape, fields),
            // An operation without an output still says that it worked.
            None => xml.leaf("return", "true"),
        }
    });
    xml.finish()
}

fn rest(model: &Model, op: &Operation, shape: Option<&Shape>, fields: &Map<String, Value>) -> HttpReply {
    let Some(shape) = shape else {
        return HttpReply::new(op.status, content_type(model.protocol(), ""), "");
    };
    let mut reply = body(model, op, shape, fields);
    for member in &shape.members {
        let value = fields.get(&member.name).filter(|value| !value.is_null());
        match (member.location, value) {
            (Some(Location::StatusCode), Some(value)) => {
                reply.status = value.as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(op.status);
            }
            (Some(Location::Header), Some(value)) => {
                if let Some(text) = header_text(model, member, value) {
                    reply.set_header(member.wire_name(), &text);
                }
            }
            (Some(Location::Headers), Some(Value::Object(entries))) => {
                let named =
                    entries.iter().filter_map(|(key, value)| Some((format!("{}{key}", member.wire_name()), value.as_str()?)));
                named.for_each(|(name, value)| reply.set_header(&name, value));
            }
            _ => {}
        }
    }
    reply
}

pub(crate) fn header_text(model: &Model, member: &Member, value: &Value) -> Option<String> {
    let one = |member: &Member, value: &Value| {
        let shape = model.shape(member.shape);
        let format = member.timestamp_format.or(shape.timestamp_format).unwrap_or(TimestampFormat::Rfc822);
        scalar::to_text(shape, format, false, value)
    };
    match (&model.shape(member.shape).member, value) {
        (Some(item), Value::Array(items)) => {
            Some(items.iter().filter_map(|value| one(item, value)).collect::<Vec<_>>().join(","))
        }
        _ => one(member, value),
    }
}

fn body(model: &Model, op: &Operation, shape: &Shape, fields: &Map<String, Value>) -> HttpReply {
    let kind = content_type(model.protocol(), "");
    if op.status == 204 {
        return HttpReply::new(op.status, kind, "");
    }
    let Some(member) = shape.payload.as_deref().and_then(|name| shape.find(name)) else {
        let name = format!("{}Response", op.name);
        return HttpReply::new(op.status, kind, structure_text(model, shape, &name, model.xml_namespace(), fields));
    };
    let inner = model.shape(member.shape);
    match (inner.kind, fields.get(&member.name)) {
        (ShapeKind::Structure, Some(Value::Object(fields))) => {
            HttpReply::new(op.status, kind, structure_text(model, inner, member.wire_name(), model.xml_namespace(), fields))
        }
        (ShapeKind::Blob, Some(Value::String(text))) => {
            // A blob that is not base64 is the caller's text; it goes out as it is.
            let bytes = STANDARD.decode(text).unwrap_or_else(|_| text.clone().into_bytes());
            HttpReply::new(op.status, "application/octet-stream", bytes)
        }
        (_, Some(Value::String(text))) => HttpReply::new(op.status, "text/plain", text.clone()),
        _ => HttpReply::new(op.status, kind, ""),
    }
}

/// A structure as a REST body: an XML document or a JSON object.
pub(crate) fn structure_text(
    model: &Model,
    shape: &Shape,
    name: &str,
    namespace: Option<&str>,
    fields: &Map<String, Value>,
) -> String {
    if model.protocol() != Protocol::RestXml {
        return json_text(model, shape, fields);
    }
    let mut xml = XmlWriter::document();
    let attributes: Vec<(&str, &str)> = namespace.map(|uri| ("xmlns", uri)).into_iter().collect();
    xml.element(name, &attributes, |xml| write_members(xml, XmlStyle { model, millis: false }, shape, fields));
    xml.finish()
}
