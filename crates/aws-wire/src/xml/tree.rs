//! Elements in memory, a bounded reader and an escaping writer.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::Malformed;

const MAX_DEPTH: usize = 64;
const MAX_ELEMENTS: usize = 100_000;

#[derive(Debug, Default)]
pub struct Element {
    /// Without a namespace prefix.
    pub name: String,
    /// Names keep their prefix, as the models write them (`xsi:type`).
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    pub text: String,
}

impl Element {
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }
    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The document's root element. A document type declaration is refused: nothing here needs entities.
pub(crate) fn parse(text: &str) -> Result<Element, Malformed> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut count = 0;
    loop {
        let event = reader.read_event().map_err(|_| broken())?;
        match event {
            Event::Start(tag) => {
                count += 1;
                if open.len() >= MAX_DEPTH || count > MAX_ELEMENTS {
                    return Err(Malformed::new("", "The document is too deep or too large."));
                }
                open.push(element(&tag)?);
            }
            Event::Empty(tag) => {
                count += 1;
                let element = element(&tag)?;
                match open.last_mut() {
                    Some(parent) if count <= MAX_ELEMENTS => parent.children.push(element),
                    Some(_) => return Err(Malformed::new("", "The document is too large.")),
                    None => return Ok(element),
                }
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(broken)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Ok(done),
                }
            }
            Event::Text(piece) => append(&mut open, &piece),
            Event::CData(piece) => append(&mut open, &piece),
            Event::GeneralRef(entity) => append(&mut open, &resolve(&entity)?),
            Event::DocType(_) | Event::Eof => return Err(broken()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
        }
    }
}

fn broken() -> Malformed {
    Malformed::new("", "The XML you provided was not well-formed.")
}

/// White space between elements lands in the parent's text, which only scalars read.
fn append(open: &mut [Element], text: &str) {
    if let Some(last) = open.last_mut() {
        last.text.push_str(text);
    }
}

fn resolve(entity: &str) -> Result<String, Malformed> {
    let code = match entity.strip_prefix('#') {
        Some(number) => match number.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        },
        None => ["lt", "gt", "amp", "quot", "apos"].iter().position(|known| *known == entity).map(|i| b"<>&\"'"[i].into()),
    };
    code.and_then(char::from_u32).map(String::from).ok_or_else(broken)
}

fn element(tag: &BytesStart<'_>) -> Result<Element, Malformed> {
    let name = tag.local_name().as_ref().to_owned();
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| broken())?;
        let key = attribute.key.as_ref().to_owned();
        attributes.push((key, quick_xml::escape::unescape(&attribute.value).map_err(|_| broken())?.into_owned()));
    }
    Ok(Element { name, attributes, ..Element::default() })
}

/// Writes well-formed XML by construction: every open has its close in the same call.
#[derive(Default)]
pub(crate) struct XmlWriter {
    text: String,
}

impl XmlWriter {
    pub fn document() -> Self {
        Self { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned() }
    }
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)], body: impl FnOnce(&mut Self)) {
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes {
            self.text.push(' ');
            self.text.push_str(key);
            self.text.push_str("=\"");
            self.escape(value);
            self.text.push('"');
        }
        self.text.push('>');
        let start = self.text.len();
        body(self);
        if self.text.len() == start {
            self.text.pop();
            self.text.push_str("/>");
            return;
        }
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }
    pub fn leaf(&mut self, name: &str, text: &str) {
        self.element(name, &[], |xml| xml.escape(text));
    }
    pub fn escape(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '&' => self.text.push_str("&amp;"),
                '"' => self.text.push_str("&quot;"),
                '\r' => self.text.push_str("&#xD;"),
                // XML 1.0 has no way to say these at all.
                '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => self.text.push('\u{fffd}'),
                c => self.text.push(c),
            }
        }
    }
    pub fn finish(self) -> String {
        self.text
    }
}
