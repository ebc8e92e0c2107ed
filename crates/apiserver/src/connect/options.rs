//! `PodLogOptions`, `PodExecOptions`, `PodAttachOptions` and `PodPortForwardOptions` as queries: the client's become the
//! kubelet's (kubernetes `pkg/registry/core/pod/strategy.go` LogLocation, streamParams).

use crate::http::options::is_true;
use form_urlencoded::Serializer;
use meta::status::Result;
use meta::{FieldErrors, GroupKind, Path, Status, Time};

/// A query for the kubelet, and the container it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub container: String,
    pub text: String,
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()))
}

fn number(value: &str) -> Result<i64> {
    value.parse().map_err(|_| Status::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax")))
}

#[derive(Default)]
struct Log {
    tail_lines: Option<i64>,
    limit_bytes: Option<i64>,
    since_seconds: Option<i64>,
    since_time: Option<Time>,
    stream: Option<String>,
}

impl Log {
    fn validate(&self, pod: &str) -> Result<()> {
        let mut errors = FieldErrors::default();
        if let Some(lines) = self.tail_lines.filter(|lines| *lines < 0) {
            errors.invalid(&Path::new("tailLines"), lines, "must be greater than or equal to 0");
        }
        if let Some(bytes) = self.limit_bytes.filter(|bytes| *bytes < 1) {
            errors.invalid(&Path::new("limitBytes"), bytes, "must be greater than 0");
        }
        match (self.since_seconds, self.since_time) {
            (Some(_), Some(_)) => {
                errors.forbidden(&Path::new(""), "at most one of `sinceTime` or `sinceSeconds` may be specified");
            }
            (Some(seconds), None) if seconds < 1 => {
                errors.invalid(&Path::new("sinceSeconds"), seconds, "must be greater than 0");
            }
            _ => {}
        }
        if let Some(stream) = &self.stream {
            if !["All", "Stdout", "Stderr"].contains(&stream.as_str()) {
                errors.not_supported(&Path::new("stream"), stream.as_str(), &["All", "Stderr", "Stdout"]);
            }
            if stream != "All" && self.tail_lines.is_some() {
                errors.forbidden(&Path::new(""), "`tailLines` and specific `stream` are mutually exclusive for now");
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Status::invalid(&GroupKind::new("", "PodLogOptions"), pod, &errors)) }
    }
}

pub(super) fn log(query: &str, pod: &str) -> Result<Query> {
    let (mut container, mut options) = (String::new(), Log::default());
    let mut out = Serializer::new(String::new());
    for (name, value) in pairs(query) {
        match name.as_str() {
            "container" => container = value,
            "follow" | "previous" | "timestamps" => {
                if is_true(&value) {
                    out.append_pair(&name, "true");
                }
                continue;
            }
            "tailLines" => options.tail_lines = Some(number(&value)?),
            "limitBytes" => options.limit_bytes = Some(number(&value)?),
            "sinceSeconds" => options.since_seconds = Some(number(&value)?),
            "sinceTime" => {
                let time = Time::parse(&value);
                let bad =
                    || Status::bad_request(format!("parsing time {value:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse"));
                options.since_time = Some(time.ok_or_else(bad)?);
            }
            "stream" => options.stream = Some(value),
            _ => {}
        }
    }
    options.validate(pod)?;
    let numbers =
        [("sinceSeconds", options.since_seconds), ("tailLines", options.tail_lines), ("limitBytes", options.limit_bytes)];
    for (name, number) in numbers {
        if let Some(number) = number {
            out.append_pair(name, &number.to_string());
        }
    }
    if let Some(time) = options.since_time {
        out.append_pair("sinceTime", &time.to_string());
    }
    out.append_pair("stream", options.stream.as_deref().unwrap_or("All"));
    Ok(Query { container, text: out.finish() })
}

pub(super) fn remote_command(query: &str) -> Query {
    let mut container = String::new();
    let mut out = Serializer::new(String::new());
    for (name, value) in pairs(query) {
        let kubelets = match name.as_str() {
            "container" => {
                container = value;
                continue;
            }
            "command" => {
                out.append_pair("command", &value);
                continue;
            }
            "stdin" => "input",
            "stdout" => "output",
            "stderr" => "error",
            "tty" => "tty",
            _ => continue,
        };
        if is_true(&value) {
            out.append_pair(kubelets, "1");
        }
    }
    Query { container, text: out.finish() }
}

pub(super) fn port_forward(query: &str) -> Result<String> {
    let mut ports = Vec::new();
    for (_, value) in pairs(query).filter(|(name, _)| name == "ports") {
        ports.push(number(&value)?.to_string());
    }
    let mut out = Serializer::new(String::new());
    if !ports.is_empty() {
        out.append_pair("port", &ports.join(","));
    }
    Ok(out.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_query_is_checked_and_passed_on() {
        for (query, expected) in [
            ("", "stream=All"),
            ("container=a&follow=true&tailLines=5&previous=false", "follow=true&tailLines=5&stream=All"),
            ("sinceTime=2026-01-01T00:00:00Z&stream=Stderr", "sinceTime=2026-01-01T00%3A00%3A00Z&stream=Stderr"),
            ("tailLines=x", "strconv.ParseInt: parsing \"x\": invalid syntax"),
            ("tailLines=-1", "PodLogOptions \"p\" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0"),
            ("limitBytes=0", "PodLogOptions \"p\" is invalid: limitBytes: Invalid value: 0: must be greater than 0"),
            ("sinceSeconds=0", "PodLogOptions \"p\" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0"),
        ] {
            let read = log(query, "p").map_or_else(|status| status.message, |query| query.text);
            assert_eq!(read, expected, "{query}");
        }
    }

    #[test]
    fn a_command_query_takes_the_kubelets_names() {
        let query = remote_command("container=a&stdin=true&stdout=1&stderr=false&command=sh&command=-c&command=a+b");
        assert_eq!(query, Query { container: "a".into(), text: "input=1&output=1&command=sh&command=-c&command=a+b".into() });
        assert_eq!(port_forward("ports=80&ports=443").expect("sound"), "port=80%2C443");
    }
}
