//! Which form of a reply the client asked for, as k8s.io/apiserver `pkg/endpoints/handlers/negotiation` decides it.

use meta::Status;

pub const JSON: &str = "application/json";
pub const YAML: &str = "application/yaml";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Json,
    Yaml,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    #[default]
    Object,
    /// `as=Table;g=meta.k8s.io`
    Table,
    /// `as=PartialObjectMetadata;g=meta.k8s.io`
    PartialObjectMetadata,
    /// `as=PartialObjectMetadataList;g=meta.k8s.io`
    PartialObjectMetadataList,
    /// `as=APIGroupDiscoveryList;g=apidiscovery.k8s.io`
    Discovery,
}

/// What may be asked of an endpoint beside plain documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Objects and lists: tables and metadata only.
    Resource,
    /// As `Resource`, but only formats that can be streamed.
    Watch,
    /// `/api` and `/apis`: the aggregated form.
    Discovery,
    /// Everything else.
    Plain,
}

/// How a reply is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    pub format: Format,
    pub shape: Shape,
    /// The version of the shape's own group: `v1` or `v1beta1` of meta.k8s.io, `v2` of apidiscovery.k8s.io.
    pub version: &'static str,
    pub pretty: bool,
}

impl Default for Encoding {
    fn default() -> Self {
        Self { format: Format::Json, shape: Shape::Object, version: "", pretty: false }
    }
}

impl Encoding {
    /// The `Content-Type` of the reply.
    pub fn content_type(&self) -> String {
        match (self.shape, self.format) {
            (Shape::Discovery, _) => format!("{JSON};g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList", self.version),
            (_, Format::Json) => JSON.into(),
            (_, Format::Yaml) => YAML.into(),
        }
    }
    pub fn is_plain_json(&self) -> bool {
        self.format == Format::Json && self.shape == Shape::Object && !self.pretty
    }
    /// A list may not be asked for as one object's metadata, nor the other way round.
    pub fn check_cardinality(&self, is_list: bool) -> Result<(), Status> {
        let message = match (self.shape, is_list) {
            (Shape::PartialObjectMetadata, true) => "you requested PartialObjectMetadata, but the requested object is a list",
            (Shape::PartialObjectMetadataList, false) => {
                "you requested PartialObjectMetadataList, but the requested object is not a list"
            }
            _ => return Ok(()),
        };
        Err(Status::new(meta::Reason::NotAcceptable, message))
    }
}

#[derive(Debug)]
struct Clause<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: f32,
    params: Vec<(&'a str, &'a str)>,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().filter(|m| !m.is_empty())?;
        let (kind, subtype) = match media.split_once('/') {
            Some(pair) => pair,
            None if media == "*" => ("*", "*"),
            None => return None,
        };
        let mut clause = Self { kind: kind.trim(), subtype: subtype.trim(), quality: 1.0, params: Vec::new() };
        for (key, value) in parts.filter_map(|p| p.split_once('=')) {
            let (key, value) = (key.trim(), value.trim().trim_matches('"'));
            match key {
                // A quality that is no number counts as 1, as goautoneg has it.
                "q" => clause.quality = value.parse().unwrap_or(1.0),
                _ => clause.params.push((key, value)),
            }
        }
        Some(clause)
    }

    fn accepts(&self, subtype: &str) -> bool {
        match (self.kind, self.subtype) {
            ("*", "*") | ("application", "*") => true,
            ("application", wanted) => wanted == subtype,
            _ => false,
        }
    }

    fn param(&self, key: &str) -> &'a str {
        self.params.iter().rev().find(|(k, _)| *k == key).map_or("", |(_, v)| v)
    }

    /// Higher is tried first; ties keep the order of the header.
    fn rank(&self) -> (i32, bool, bool) {
        ((self.quality * 1000.0) as i32, self.kind != "*", self.subtype != "*")
    }
}

/// Reads an `Accept` header. An empty one means JSON.
pub fn accept(header: &str, endpoint: Endpoint) -> Result<Encoding, Status> {
    if header.trim().is_empty() {
        return Ok(Encoding::default());
    }
    let mut clauses: Vec<Clause<'_>> = header.split(',').filter_map(Clause::parse).collect();
    clauses.sort_by_key(|c| std::cmp::Reverse(c.rank()));
    let formats: &[(&str, Format)] = match endpoint {
        Endpoint::Watch => &[("json", Format::Json)],
        _ => &[("json", Format::Json), ("yaml", Format::Yaml)],
    };
    for clause in &clauses {
        for (subtype, format) in formats {
            if clause.accepts(subtype)
                && let Some(encoding) = offer(clause, *format, endpoint)
            {
                return Ok(encoding);
            }
        }
    }
    Err(Status::not_acceptable(if endpoint == Endpoint::Watch { JSON } else { "application/json, application/yaml" }))
}

fn offer(clause: &Clause<'_>, format: Format, endpoint: Endpoint) -> Option<Encoding> {
    let charset = clause.param("charset");
    let stream = clause.param("stream");
    if !matches!(charset, "" | "utf-8" | "UTF-8") || !(stream.is_empty() || (stream == "watch" && endpoint == Endpoint::Watch)) {
        return None;
    }
    let (shape, version) = shape(clause, format, endpoint)?;
    Some(Encoding { format, shape, version, pretty: clause.param("pretty") == "1" })
}

fn shape(clause: &Clause<'_>, format: Format, endpoint: Endpoint) -> Option<(Shape, &'static str)> {
    let objects = matches!(endpoint, Endpoint::Resource | Endpoint::Watch);
    let version = match clause.param("v") {
        "v1" => "v1",
        "v1beta1" => "v1beta1",
        "v2" => "v2",
        _ => "",
    };
    match (clause.param("as"), clause.param("g"), version) {
        ("", "", _) => Some((Shape::Object, "")),
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") if endpoint == Endpoint::Discovery && format == Format::Json => {
            Some((Shape::Discovery, "v2"))
        }
        (name, "meta.k8s.io", "v1" | "v1beta1") if objects => match name {
            "Table" => Some((Shape::Table, version)),
            "PartialObjectMetadata" => Some((Shape::PartialObjectMetadata, version)),
            "PartialObjectMetadataList" => Some((Shape::PartialObjectMetadataList, version)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether to indent: the `pretty` query parameter, else whether a person is likely reading.
pub fn pretty(query: Option<&str>, user_agent: &str) -> bool {
    match query {
        Some(value) if !value.is_empty() => matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"),
        _ => ["curl", "Wget", "Mozilla/5.0"].iter().any(|agent| user_agent.starts_with(agent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_headers_choose_as_upstream_chooses() {
        use Endpoint::*;
        let kubectl =
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        let discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
        let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
        for (header, endpoint, expected) in [
            ("", Resource, "Json Object"),
            ("*/*", Resource, "Json Object"),
            ("application/*", Resource, "Json Object"),
            ("application/json, */*", Resource, "Json Object"),
            ("application/yaml", Resource, "Yaml Object"),
            ("application/yaml", Watch, "406 application/json"),
            ("application/json;stream=watch", Watch, "Json Object"),
            ("application/json;stream=watch", Resource, "406 application/json, application/yaml"),
            ("application/yaml;q=0.5,application/json;q=0.4", Resource, "Yaml Object"),
            ("*/*;q=0.8,application/yaml", Resource, "Yaml Object"),
            ("application/vnd.kubernetes.protobuf", Resource, "406 application/json, application/yaml"),
            ("application/vnd.kubernetes.protobuf,application/json", Resource, "Json Object"),
            ("application/cbor, application/json;q=0.1", Resource, "Json Object"),
            ("text/html", Resource, "406 application/json, application/yaml"),
            (kubectl, Resource, "Json Table v1"),
            (kubectl, Watch, "Json Table v1"),
            (kubectl, Plain, "Json Object"),
            (metadata, Resource, "Json PartialObjectMetadataList v1"),
            ("application/json;as=Table;v=v2;g=meta.k8s.io,application/json", Resource, "Json Object"),
            ("application/json;as=Nonsense;v=v1;g=meta.k8s.io", Resource, "406 application/json, application/yaml"),
            (discovery, Discovery, "Json Discovery v2"),
            ("application/json;charset=utf-8", Resource, "Json Object"),
            ("nonsense", Resource, "406 application/json, application/yaml"),
        ] {
            let got = match accept(header, endpoint) {
                Ok(e) => format!("{:?} {:?} {}", e.format, e.shape, e.version).trim_end().to_owned(),
                Err(s) => s.message.replace("only the following media types are accepted:", "406"),
            };
            assert_eq!(got, expected, "{header} on {endpoint:?}");
        }
    }

    #[test]
    fn people_get_indented_json() {
        for (query, agent, expected) in [
            (None, "curl/8.1", true),
            (None, "kubectl/v1.34", false),
            (Some("true"), "kubectl", true),
            (Some("false"), "curl/8.1", false),
            (Some(""), "Mozilla/5.0 (X11)", true),
        ] {
            assert_eq!(pretty(query, agent), expected, "{query:?} {agent}");
        }
    }
}
