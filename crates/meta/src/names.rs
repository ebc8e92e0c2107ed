//! Name formats and their error texts, as k8s.io/apimachinery `pkg/util/validation` has them.
//! Each check returns the problems found; none means valid.

const LABEL_TEXT: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_TEXT: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS1035_TEXT: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_TEXT: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_TEXT: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY_TEXT: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

fn too_long(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

fn framed(text: &str, inner: impl Fn(u8) -> bool, edge: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| edge(*b)) && bytes.last().is_some_and(|b| edge(*b)) && bytes.iter().all(|b| inner(*b))
}

fn lower(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    framed(text, |b| lower(b) || b == b'-', lower)
}

fn problems(text: &str, max: usize, ok: bool, message: &str) -> Vec<String> {
    let mut found = Vec::new();
    if text.len() > max {
        found.push(too_long(max));
    }
    if !ok {
        found.push(message.to_owned());
    }
    found
}

/// RFC 1123 label, at most 63 bytes.
pub fn dns_label(text: &str) -> Vec<String> {
    problems(text, 63, is_label(text), LABEL_TEXT)
}

/// RFC 1123 subdomain, at most 253 bytes.
pub fn dns_subdomain(text: &str) -> Vec<String> {
    problems(text, 253, text.split('.').all(is_label), SUBDOMAIN_TEXT)
}

/// RFC 1035 label: as [`dns_label`], but starting with a letter.
pub fn dns1035_label(text: &str) -> Vec<String> {
    let starts = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
    problems(text, 63, starts && is_label(text), DNS1035_TEXT)
}

/// A path segment: what RBAC names may be.
pub fn path_segment(text: &str) -> Vec<String> {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"].iter().filter(|bad| text.contains(**bad)).map(|bad| format!("may not contain '{bad}'")).collect()
}

fn alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn name_char(b: u8) -> bool {
    alnum(b) || matches!(b, b'-' | b'_' | b'.')
}

/// Label and annotation keys: `[prefix/]name`.
pub fn qualified_name(text: &str) -> Vec<String> {
    let (prefix, name) = match text.split('/').collect::<Vec<_>>()[..] {
        [name] => (None, name),
        [prefix, name] => (Some(prefix), name),
        _ => return vec!["a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')".into()],
    };
    let mut found = Vec::new();
    match prefix {
        Some("") => found.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => found.extend(dns_subdomain(prefix).into_iter().map(|p| format!("prefix part {p}"))),
        None => {}
    }
    if name.is_empty() {
        found.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        found.push(format!("name part {}", too_long(63)));
    }
    if !framed(name, name_char, alnum) {
        found.push(QUALIFIED_TEXT.to_owned());
    }
    found
}

pub fn label_value(text: &str) -> Vec<String> {
    problems(text, 63, text.is_empty() || framed(text, name_char, alnum), LABEL_VALUE_TEXT)
}

/// Keys of ConfigMap and Secret data.
pub fn config_map_key(text: &str) -> Vec<String> {
    let mut found = problems(text, 253, !text.is_empty() && text.bytes().all(name_char), CONFIG_KEY_TEXT);
    if text == "." || text == ".." {
        found.push(format!("must not be '{text}'"));
    } else if text.starts_with("..") {
        found.push("must not start with '..'".into());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_accept_and_refuse() {
        type Check = fn(&str) -> Vec<String>;
        let cases: [(Check, &[&str], &[&str]); 6] = [
            (dns_label, &["a", "a-b", "0a"], &["", "-a", "A", "a.b", "a-"]),
            (dns_subdomain, &["a.b", "a"], &["", "a..b", ".a", "A.b", "a_b"]),
            (dns1035_label, &["a1"], &["1a", ""]),
            (qualified_name, &["a", "x.y/A_b.c", "A"], &["", "/a", "a/", "a/b/c", "-a", "x_y/a"]),
            (label_value, &["", "A.b_c-1"], &["-a", "a b"]),
            (config_map_key, &["a.b", "A_b", "-x"], &["", "..", "..a", "a b"]),
        ];
        for (check, good, bad) in cases {
            good.iter().for_each(|t| assert!(check(t).is_empty(), "{t:?} is valid"));
            bad.iter().for_each(|t| assert!(!check(t).is_empty(), "{t:?} is invalid"));
        }
        assert_eq!(dns_label(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    }
}
