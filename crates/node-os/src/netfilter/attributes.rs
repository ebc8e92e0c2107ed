//! Netlink attributes (linux/netlink.h): length, kind, value, padded to four bytes. Numbers are in network order.

const HEADER: usize = 4;
const NESTED: u16 = 0x8000;
/// The two highest bits of a kind say how the value is encoded.
const KIND: u16 = 0x3fff;

/// Bytes of a message in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self.pad()
    }

    pub fn put(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let start = self.open(kind);
        self.0.extend_from_slice(value);
        self.close(start)
    }

    pub fn put_u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.put(kind, &[value])
    }

    pub fn put_u16(&mut self, kind: u16, value: u16) -> &mut Self {
        self.put(kind, &value.to_be_bytes())
    }

    pub fn put_u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_be_bytes())
    }

    pub fn put_u64(&mut self, kind: u16, value: u64) -> &mut Self {
        self.put(kind, &value.to_be_bytes())
    }

    /// With the zero at its end.
    pub fn put_text(&mut self, kind: u16, value: &str) -> &mut Self {
        let start = self.open(kind);
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(0);
        self.close(start)
    }

    pub fn nest(&mut self, kind: u16, content: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.open(kind | NESTED);
        content(self);
        self.close(start)
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.0.len();
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    fn close(&mut self, start: usize) -> &mut Self {
        // What is too long becomes an attribute without room for its own header, which the kernel refuses.
        let length = u16::try_from(self.0.len() - start).unwrap_or(0);
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.pad()
    }

    fn pad(&mut self) -> &mut Self {
        let length = self.0.len().next_multiple_of(4);
        self.0.resize(length, 0);
        self
    }
}

/// Attributes as the kernel sent them. Ends at the first that makes no sense.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a>(pub &'a [u8]);

impl<'a> Attributes<'a> {
    pub fn get(self, kind: u16) -> Option<&'a [u8]> {
        self.into_iter().find(|(known, _)| *known == kind).map(|(_, value)| value)
    }

    pub fn nested(self, kind: u16) -> Option<Self> {
        self.get(kind).map(Self)
    }

    pub fn u8(self, kind: u16) -> Option<u8> {
        self.get(kind)?.first().copied()
    }

    pub fn u16(self, kind: u16) -> Option<u16> {
        self.get(kind)?.try_into().ok().map(u16::from_be_bytes)
    }

    pub fn u32(self, kind: u16) -> Option<u32> {
        self.get(kind)?.try_into().ok().map(u32::from_be_bytes)
    }

    pub fn u64(self, kind: u16) -> Option<u64> {
        self.get(kind)?.try_into().ok().map(u64::from_be_bytes)
    }

    pub fn text(self, kind: u16) -> Option<String> {
        let bytes = self.get(kind)?;
        Some(String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned())
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.0.get(..HEADER)?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let value = self.0.get(HEADER..length)?;
        let kind = u16::from_ne_bytes([header[2], header[3]]) & KIND;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default(); // the last one need not be padded
        Some((kind, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        writer.put_u8(1, 7).put_u32(2, 80).put_text(3, "name").nest(4, |inner| {
            inner.put_u16(1, 443).put_u64(2, 1 << 40);
        });
        let read = Attributes(writer.bytes());
        assert_eq!((read.u8(1), read.u32(2), read.text(3)), (Some(7), Some(80), Some("name".into())));
        let inner = read.nested(4).expect("it is there");
        assert_eq!((inner.u16(1), inner.u64(2), inner.get(9)), (Some(443), Some(1 << 40), None));
        assert_eq!(writer.bytes().len() % 4, 0);
    }

    #[test]
    fn nonsense_ends_the_list() {
        for bytes in [&[][..], &[1], &[0, 0, 1, 0], &[2, 0, 1, 0], &[200, 0, 1, 0, 5]] {
            assert_eq!(Attributes(bytes).count(), 0, "{bytes:?}");
        }
    }
}
