//! Replies that are one document.

use crate::negotiate::{Encoding, Format, Shape};
use crate::table::{self, IncludeObject};
use crate::{partial, yaml};
use api::ResourceDef;
use meta::{Doc, Object, Time};

/// One object in the negotiated form.
pub fn object(def: &ResourceDef, object: &Object, encoding: &Encoding, include: IncludeObject, now: Time) -> Vec<u8> {
    let mut json = Vec::with_capacity(object.stored().len() + 64);
    match encoding.shape {
        Shape::Table => table::write_one(def, object, encoding.version, include, true, now, &mut json),
        Shape::PartialObjectMetadata | Shape::PartialObjectMetadataList => partial::write(object, encoding.version, &mut json),
        Shape::Object | Shape::Discovery => object.write_json(&mut json),
    }
    if encoding.format == Format::Json && !encoding.pretty {
        json.push(b'\n');
        return json;
    }
    document(&serde_json::from_slice(&json).expect("what we wrote is JSON"), encoding)
}

/// A document that is no stored object, such as a `Status`: only its format is negotiable.
pub fn document(doc: &Doc, encoding: &Encoding) -> Vec<u8> {
    let text = match (encoding.format, encoding.pretty) {
        (Format::Yaml, _) => yaml::encode(doc),
        (Format::Json, true) => format!("{doc:#}\n"),
        (Format::Json, false) => format!("{doc}\n"),
    };
    text.into_bytes()
}
