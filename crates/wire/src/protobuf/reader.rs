//! The wire format: tags, varints and lengths. Knows no types.

use super::error::Error;

/// A field's value as far as the tag tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

impl<'a> Wire<'a> {
    pub fn varint(self, field: &str) -> Result<u64, Error> {
        if let Self::Varint(value) = self { Ok(value) } else { Err(self.wrong(field)) }
    }
    pub fn double(self, field: &str) -> Result<f64, Error> {
        if let Self::Fixed64(bits) = self { Ok(f64::from_bits(bits)) } else { Err(self.wrong(field)) }
    }
    pub fn bytes(self, field: &str) -> Result<&'a [u8], Error> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(self.wrong(field)) }
    }
    pub fn text(self, field: &str) -> Result<&'a str, Error> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| Error::Utf8 { field: field.to_owned() })
    }
    pub fn wrong(self, field: &str) -> Error {
        let wire_type = match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Fixed32 => 5,
        };
        Error::WrongWireType { wire_type, field: field.to_owned() }
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field's number and value, or `None` at the end of the message.
    pub fn field(&mut self) -> Result<Option<(u32, Wire<'a>)>, Error> {
        if self.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let wire_type = (tag & 7) as u8;
        let number = u32::try_from(tag >> 3).map_err(|_| Error::Overflow)?;
        if number == 0 {
            return Err(Error::IllegalTag { number, wire_type });
        }
        let wire = match wire_type {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(*self.chunk()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Error::UnexpectedEof)?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Wire::Fixed32
            }
            other => return Err(Error::IllegalWireType(other)),
        };
        Ok(Some((number, wire)))
    }

    /// Seven bits a byte, the lowest first. What exceeds 64 bits is cut off, as generated Go code does.
    pub fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = *self.chunk()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::Overflow)
    }

    fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], Error> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(Error::UnexpectedEof)?;
        self.rest = rest;
        Ok(head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Error::UnexpectedEof)?;
        self.rest = rest;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart_by_their_tags() {
        let long = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let overlong = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let cases: [(&[u8], Result<Option<(u32, Wire<'_>)>, Error>); 11] = [
            (&[], Ok(None)),
            (&[0x08, 0x96, 0x01], Ok(Some((1, Wire::Varint(150))))),
            (&long, Ok(Some((1, Wire::Varint(u64::MAX))))),
            (&[0x12, 2, b'a', b'b'], Ok(Some((2, Wire::Bytes(b"ab"))))),
            (&[0x19, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f], Ok(Some((3, Wire::Fixed64(1.5f64.to_bits()))))),
            (&[0x1d, 1, 2, 3, 4], Ok(Some((3, Wire::Fixed32)))),
            (&overlong, Err(Error::Overflow)),
            (&[0x12, 3, b'a'], Err(Error::UnexpectedEof)),
            (&[0x08], Err(Error::UnexpectedEof)),
            (&[0x00, 0x00], Err(Error::IllegalTag { number: 0, wire_type: 0 })),
            (&[0x0b], Err(Error::IllegalWireType(3))),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Reader::new(bytes).field(), expected, "{bytes:02x?}");
        }
    }
}
