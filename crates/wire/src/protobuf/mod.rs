//! Request bodies in protobuf, as typed Go clients send them: decoded by the published field numbers into the document
//! that the same client would have sent as JSON.

mod error;
mod message;
mod reader;

use error::Error;
use message::Decoder;
use meta::{Doc, GroupVersion, Gvk, Status};
use reader::Reader;
use schema::{Schema, TypeId};

/// Tells the envelope, `runtime.Unknown`, from other formats.
const MAGIC: &[u8] = b"k8s\0";

/// Options travel under any group's version, kinds of records included; their home is meta/v1.
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// Decodes one object. Its size is limited by whoever read it; depth and number of values are limited here.
pub fn decode(schema: &Schema, body: &[u8]) -> Result<Doc, Status> {
    let envelope = body.strip_prefix(MAGIC).ok_or_else(|| {
        Status::bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    })?;
    let envelope = Envelope::read(envelope).map_err(|error| Status::bad_request(error.to_string()))?;
    let (api_version, kind) = (envelope.api_version, envelope.kind);
    let (gvk, ty) = resolve(schema, api_version, kind)?;
    let mut members = Decoder::new(schema.types()).root(ty, envelope.raw).map_err(|error| {
        Status::bad_request(format!("{kind} in version {:?} cannot be handled as a {kind}: {error}", gvk.version))
    })?;
    members.insert("apiVersion".into(), api_version.into());
    members.insert("kind".into(), kind.into());
    Ok(Doc::Object(members))
}

fn resolve(schema: &Schema, api_version: &str, kind: &str) -> Result<(Gvk, TypeId), Status> {
    let missing = |what| Status::bad_request(format!("Object '{what}' is missing in 'apiVersion={api_version}, kind={kind}'"));
    if kind.is_empty() {
        return Err(missing("Kind"));
    }
    if api_version.is_empty() {
        return Err(missing("apiVersion"));
    }
    let unknown = || Status::bad_request(format!("no kind {kind:?} is registered for version {api_version:?}"));
    let version = GroupVersion::parse(api_version).ok_or_else(unknown)?;
    let gvk = Gvk::new(version.group, version.version, kind);
    let shared = || schema.named_type(&format!("{META}.{kind}")).filter(|id| !schema.types().get(*id).kinds.is_empty());
    let ty = schema.kind_type(&gvk).or_else(shared).ok_or_else(unknown)?;
    Ok((gvk, ty))
}

/// `runtime.Unknown`. Its content type and encoding say nothing that upstream reads.
#[derive(Default)]
struct Envelope<'a> {
    api_version: &'a str,
    kind: &'a str,
    raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Error> {
        let mut envelope = Self::default();
        let mut fields = Reader::new(body);
        while let Some((number, wire)) = fields.field()? {
            match number {
                1 => envelope.type_meta(wire.bytes("TypeMeta")?)?,
                2 => envelope.raw = wire.bytes("Raw")?,
                _ => {}
            }
        }
        Ok(envelope)
    }

    fn type_meta(&mut self, body: &'a [u8]) -> Result<(), Error> {
        let mut fields = Reader::new(body);
        while let Some((number, wire)) = fields.field()? {
            match number {
                1 => self.api_version = wire.text("APIVersion")?,
                2 => self.kind = wire.text("Kind")?,
                _ => {}
            }
        }
        Ok(())
    }
}
