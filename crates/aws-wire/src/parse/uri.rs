//! URI templates: `/clusters/{name}`, `/{Bucket}/{Key+}?versions`. Paths are split before they are decoded, because an ARN
//! travels percent-encoded in one segment.

use std::borrow::Cow;

use form_urlencoded::parse as pairs;
use percent_encoding::percent_decode_str;

use crate::http::HttpRequest;

fn split(path: &str) -> impl Iterator<Item = &str> {
    // One trailing slash means nothing, in templates (Route 53's `/rrset/`) as in requests.
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_suffix('/').unwrap_or(path).split('/')
}

fn label(segment: &str) -> Option<(&str, bool)> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    Some(name.strip_suffix('+').map_or((name, false), |greedy| (greedy, true)))
}

pub(crate) fn literals(template: &str) -> usize {
    split(template).filter(|segment| label(segment).is_none()).count() + usize::from(template.contains('?'))
}

pub(crate) fn matches(template: &str, request: &HttpRequest) -> bool {
    let (path, query) = template.split_once('?').unwrap_or((template, ""));
    let has = |key: &str, value: &str| pairs(request.query.as_bytes()).any(|(k, v)| k == key && (value.is_empty() || v == value));
    segments(path, &request.path).is_some() && pairs(query.as_bytes()).all(|(key, value)| has(&key, &value))
}

/// The labels' raw texts, if the path fits. A label never takes an empty segment.
fn segments<'a>(template: &'a str, path: &'a str) -> Option<Vec<(&'a str, Cow<'a, str>)>> {
    let mut rest = split(path).peekable();
    let mut found = Vec::new();
    for segment in split(template) {
        match label(segment) {
            Some((name, true)) => {
                let tail: Vec<&str> = rest.by_ref().collect();
                found.push((name, Cow::from(tail.join("/"))));
            }
            Some((name, false)) => found.push((name, Cow::from(rest.next().filter(|text| !text.is_empty())?))),
            None => {
                rest.next().filter(|text| *text == segment)?;
            }
        }
    }
    rest.peek().is_none().then_some(found)
}

/// The labels' decoded texts; none where a label is not UTF-8.
pub(crate) fn labels<'a>(template: &'a str, path: &'a str) -> Option<Vec<(&'a str, String)>> {
    let template = template.split_once('?').map_or(template, |(path, _)| path);
    let decode = |(name, raw): (&'a str, Cow<'a, str>)| Some((name, percent_decode_str(&raw).decode_utf8().ok()?.into_owned()));
    segments(template, path)?.into_iter().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::labels;

    #[test]
    fn templates() {
        type Row = (&'static str, &'static str, Option<&'static [(&'static str, &'static str)]>);
        let table: &[Row] = &[
            ("/clusters", "/clusters", Some(&[])),
            ("/clusters", "/clusters/", Some(&[])),
            ("/clusters/{name}", "/clusters/a%2Fb", Some(&[("name", "a/b")])),
            ("/clusters/{name}", "/clusters/", None),
            ("/clusters/{name}", "/clusters/a/b", None),
            ("/tags/{arn}", "/tags/arn%3Aaws%3Aeks%3Ar%3A1%3Acluster%2Fc", Some(&[("arn", "arn:aws:eks:r:1:cluster/c")])),
            ("/2013-04-01/hostedzone/{Id}/rrset/", "/2013-04-01/hostedzone/Z1/rrset", Some(&[("Id", "Z1")])),
            ("/{Bucket}/{Key+}?acl", "/b/x/y%20z", Some(&[("Bucket", "b"), ("Key", "x/y z")])),
            ("/clusters/{name}", "/clusters/%ff", None),
        ];
        for (template, path, expected) in table {
            let found = labels(template, path);
            let found = found.as_ref().map(|l| l.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), *expected, "{template} {path}");
        }
    }
}
