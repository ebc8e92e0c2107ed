//! Why bytes are not a message, in the words of the decoders that gogo-protobuf generates.

use std::fmt;

#[derive(Debug, PartialEq)]
pub(super) enum Error {
    UnexpectedEof,
    Overflow,
    /// A field number of zero.
    IllegalTag {
        number: u32,
        wire_type: u8,
    },
    IllegalWireType(u8),
    WrongWireType {
        wire_type: u8,
        field: String,
    },
    Utf8 {
        field: String,
    },
    /// JSON inside of a message.
    Json {
        field: String,
        why: String,
    },
    /// A time or number without JSON form.
    Range {
        field: String,
    },
    TooDeep,
    TooManyValues,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEof => f.write_str("unexpected EOF"),
            Self::Overflow => f.write_str("proto: integer overflow"),
            Self::IllegalTag { number, wire_type } => write!(f, "proto: illegal tag {number} (wire type {wire_type})"),
            Self::IllegalWireType(wire_type) => write!(f, "proto: illegal wireType {wire_type}"),
            Self::WrongWireType { wire_type, field } => write!(f, "proto: wrong wireType = {wire_type} for field {field}"),
            Self::Utf8 { field } => write!(f, "proto: field {field} contains invalid UTF-8"),
            Self::Json { field, why } => write!(f, "field {field} is no JSON: {why}"),
            Self::Range { field } => write!(f, "field {field} is out of range"),
            Self::TooDeep => f.write_str("exceeded max depth"),
            Self::TooManyValues => f.write_str("the object has too many values"),
        }
    }
}
