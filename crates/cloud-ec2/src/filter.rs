//! `Filters` of Describe operations: every filter must match, by any of its values; `*` and `?` are wildcards.

use aws_wire::AwsError;
use meta::Doc;

/// A filter's name, and where its values lie in the record's specification; `*` stands for every item of a list.
pub type FilterRow = (&'static str, &'static str);

const MAX_VALUES: usize = 200;

/// Those of `records` (specifications) that pass.
pub fn apply(records: Vec<Doc>, filters: &Doc, known: &[FilterRow]) -> Result<Vec<Doc>, AwsError> {
    let filters =
        filters.as_array().into_iter().flatten().map(|filter| Filter::parse(filter, known)).collect::<Result<Vec<_>, _>>()?;
    Ok(records.into_iter().filter(|record| filters.iter().all(|filter| filter.passes(record))).collect())
}

struct Filter<'a> {
    field: Field<'a>,
    values: Vec<&'a str>,
}

enum Field<'a> {
    Path(&'static str),
    /// `tag:<key>`
    Tag(&'a str),
    TagKey,
}

impl<'a> Filter<'a> {
    fn parse(filter: &'a Doc, known: &[FilterRow]) -> Result<Self, AwsError> {
        let name = filter["Name"].as_str().unwrap_or("null");
        let values: Vec<&str> = filter["Values"].as_array().into_iter().flatten().filter_map(Doc::as_str).collect();
        let field = if let Some(key) = name.strip_prefix("tag:") {
            Field::Tag(key)
        } else if name == "tag-key" {
            Field::TagKey
        } else {
            let row = known.iter().find(|(known, _)| *known == name);
            Field::Path(row.ok_or_else(|| invalid(name))?.1)
        };
        if values.is_empty() {
            return Err(AwsError::new("InvalidParameterValue", format!("The filter '{name}' needs at least one value")));
        }
        if values.len() > MAX_VALUES {
            return Err(AwsError::new(
                "FilterLimitExceeded",
                "The maximum number of filter values specified on a single call is 200",
            ));
        }
        Ok(Self { field, values })
    }

    fn passes(&self, record: &Doc) -> bool {
        let found = match self.field {
            Field::Path(path) => at(record, path),
            Field::Tag(key) => record["tags"][key].as_str().map(str::to_owned).into_iter().collect(),
            Field::TagKey => record["tags"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect(),
        };
        found.iter().any(|text| self.values.iter().any(|pattern| wild(&pieces(pattern), text.as_bytes())))
    }
}

fn invalid(name: &str) -> AwsError {
    AwsError::new("InvalidParameterValue", format!("The filter '{name}' is invalid"))
}

/// The texts at `a.*.b`.
fn at(doc: &Doc, path: &str) -> Vec<String> {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let next: Vec<&Doc> = match step {
        "*" => doc.as_array().into_iter().flatten().collect(),
        member => vec![&doc[member]],
    };
    match rest {
        Some(rest) => next.into_iter().flat_map(|doc| at(doc, rest)).collect(),
        None => next.into_iter().filter_map(text).collect(),
    }
}

fn text(value: &Doc) -> Option<String> {
    match value {
        Doc::String(text) => Some(text.clone()),
        Doc::Bool(flag) => Some(flag.to_string()),
        Doc::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Byte(u8),
    One,
    Any,
}

/// A backslash takes a wildcard's meaning away.
fn pieces(pattern: &str) -> Vec<Piece> {
    let mut bytes = pattern.bytes();
    let mut out = Vec::with_capacity(pattern.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'*' => Piece::Any,
            b'?' => Piece::One,
            b'\\' => Piece::Byte(bytes.next().unwrap_or(byte)),
            other => Piece::Byte(other),
        });
    }
    out
}

/// On a mismatch only the latest `*` is tried further, so that no pattern takes longer than its length times the text's.
fn wild(pattern: &[Piece], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Any) => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(Piece::One) => (p, t) = (p + 1, t + 1),
            Some(Piece::Byte(byte)) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|piece| *piece == Piece::Any)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KNOWN: &[FilterRow] = &[("vpc-id", "vpcId"), ("is-default", "isDefault"), ("entry.cidr", "entries.*.cidrBlock")];

    #[test]
    fn filters() {
        let one = json!({"vpcId": "vpc-1", "isDefault": true, "entries": [{"cidrBlock": "10.0.0.0/8"}], "tags": {"team": "a", "x": ""}});
        let two = json!({"vpcId": "vpc-2", "isDefault": false, "entries": [], "tags": {}});
        for (filters, expected) in [
            (json!([]), "vpc-1 vpc-2"),
            (json!([{"Name": "vpc-id", "Values": ["vpc-2", "vpc-3"]}]), "vpc-2"),
            (json!([{"Name": "vpc-id", "Values": ["vpc-*"]}]), "vpc-1 vpc-2"),
            (json!([{"Name": "vpc-id", "Values": ["vpc-\\*"]}]), ""),
            (json!([{"Name": "vpc-id", "Values": ["*1"]}, {"Name": "is-default", "Values": ["false"]}]), ""),
            (json!([{"Name": "is-default", "Values": ["true"]}]), "vpc-1"),
            (json!([{"Name": "entry.cidr", "Values": ["10.?.0.0/8"]}]), "vpc-1"),
            (json!([{"Name": "tag:team", "Values": ["a"]}]), "vpc-1"),
            (json!([{"Name": "tag:team", "Values": ["b"]}]), ""),
            (json!([{"Name": "tag-key", "Values": ["x"]}]), "vpc-1"),
            (json!([{"Name": "nope", "Values": ["x"]}]), "InvalidParameterValue: The filter 'nope' is invalid"),
            (json!([{"Name": "vpc-id"}]), "InvalidParameterValue: The filter 'vpc-id' needs at least one value"),
        ] {
            let shown = match apply(vec![one.clone(), two.clone()], &filters, KNOWN) {
                Ok(passed) => passed.iter().filter_map(|doc| doc["vpcId"].as_str()).collect::<Vec<_>>().join(" "),
                Err(error) => error.to_string(),
            };
            assert_eq!(shown, expected, "{filters}");
        }
    }
}
