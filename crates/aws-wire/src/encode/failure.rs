//! Error replies, the one place where an error becomes a wire format.

use serde_json::{Map, Value, json};

use super::output::wants_json;
use super::{content_type, identify};
use crate::error::{AwsError, Fault};
use crate::http::{HttpReply, HttpRequest};
use crate::json::encode_members;
use crate::model::{Model, Protocol, Shape};
use crate::xml::{XmlStyle, XmlWriter, write_members};

/// The reply for an error of a known service.
pub fn encode_error(model: &Model, error: &AwsError, request_id: &str) -> HttpReply {
    encode(model.protocol(), Some(model), error, request_id)
}

/// [`encode_error`], as this request wants it: the query services answer `Accept: application/json` in JSON.
pub fn encode_error_for(request: &HttpRequest, model: &Model, error: &AwsError, request_id: &str) -> HttpReply {
    if model.protocol() != Protocol::Query || !wants_json(request) {
        return encode_error(model, error, request_id);
    }
    let inner = json!({"Type": fault(error), "Code": error.code, "Message": error.message});
    let body = json!({"Error": inner, "RequestId": request_id}).to_string();
    let mut reply = HttpReply::new(error.status, "application/json", body);
    identify(&mut reply, request_id);
    reply
}

fn fault(error: &AwsError) -> &'static str {
    if error.fault == Fault::Sender { "Sender" } else { "Receiver" }
}

/// The reply for an error before a service was known.
pub fn encode_error_as(protocol: Protocol, error: &AwsError, request_id: &str) -> HttpReply {
    encode(protocol, None, error, request_id)
}

fn encode(protocol: Protocol, model: Option<&Model>, error: &AwsError, request_id: &str) -> HttpReply {
    let shape = model.and_then(|model| Some((model, model.error(&error.code)?)));
    let body = match protocol {
        Protocol::Query | Protocol::RestXml => error_response(model, shape, error, request_id),
        Protocol::Ec2 => ec2(error, request_id),
        Protocol::Json => json_body(shape, error, true).to_string(),
        Protocol::RestJson => json_body(shape, error, false).to_string(),
    };
    let kind = content_type(protocol, model.map_or("1.1", Model::json_version));
    let mut reply = HttpReply::new(error.status, kind, body);
    if protocol == Protocol::RestJson {
        reply.set_header("x-amzn-ErrorType", &error.code);
    }
    identify(&mut reply, request_id);
    reply
}

fn error_response(model: Option<&Model>, shape: Option<(&Model, &Shape)>, error: &AwsError, request_id: &str) -> String {
    let mut xml = XmlWriter::default();
    let attributes: Vec<(&str, &str)> = model.and_then(Model::xml_namespace).map(|uri| ("xmlns", uri)).into_iter().collect();
    xml.element("ErrorResponse", &attributes, |xml| {
        xml.element("Error", &[], |xml| {
            xml.leaf("Type", fault(error));
            xml.leaf("Code", &error.code);
            xml.leaf("Message", &error.message);
            if let Some((model, shape)) = shape {
                write_members(xml, XmlStyle { model, millis: false }, shape, &error.members);
            }
        });
        xml.leaf("RequestId", request_id);
    });
    xml.finish()
}

fn ec2(error: &AwsError, request_id: &str) -> String {
    let mut xml = XmlWriter::document();
    xml.element("Response", &[], |xml| {
        xml.element("Errors", &[], |xml| {
            xml.element("Error", &[], |xml| {
                xml.leaf("Code", &error.code);
                xml.leaf("Message", &error.message);
            });
        });
        xml.leaf("RequestID", request_id);
    });
    xml.finish()
}

/// `message` unless the model spells it otherwise (EFS says `Message`, beside an `ErrorCode`).
fn json_body(shape: Option<(&Model, &Shape)>, error: &AwsError, typed: bool) -> Value {
    let mut body = shape.map(|(model, shape)| encode_members(model, shape, &error.members)).unwrap_or_default();
    let spelled =
        |name: &str| shape?.1.members.iter().find(|member| member.name.eq_ignore_ascii_case(name)).map(|m| m.wire_name());
    put(&mut body, spelled("message").unwrap_or("message"), &error.message);
    if let Some(name) = spelled("ErrorCode") {
        put(&mut body, name, &error.code);
    }
    if typed {
        put(&mut body, "__type", &error.code);
    }
    Value::Object(body)
}

fn put(body: &mut Map<String, Value>, key: &str, value: &str) {
    if !value.is_empty() {
        body.insert(key.to_owned(), Value::from(value));
    }
}
