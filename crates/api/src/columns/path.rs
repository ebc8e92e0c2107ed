//! The JSONPath that printer columns are written in: a subset of k8s.io/client-go `util/jsonpath`.

use meta::Doc;

#[derive(Clone, Debug)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Field(String),
    /// Negative counts from the end.
    Index(i64),
    All,
    /// Elements whose value at the path compares so with the literal; without a literal, elements that have it.
    Where(Path, Option<(Operator, Doc)>),
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Path {
    /// Reads `.spec.items[0]['a.b'][?(@.type=="Ready")].status`; `None` when it is not understood.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        rest = rest.strip_prefix('$').unwrap_or(rest);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('.') {
                Some(field) if field.starts_with('[') => bracket(field)?,
                Some(field) => field_name(field)?,
                None => bracket(rest)?,
            };
            steps.push(step);
            rest = after;
        }
        Some(Self(steps))
    }

    /// The first value it selects.
    pub fn first<'a>(&self, doc: &'a Doc) -> Option<&'a Doc> {
        select(&self.0, doc)
    }
}

fn field_name(text: &str) -> Option<(Step, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '.' | '[' => {
                end = at;
                break;
            }
            '\\' => name.push(chars.next()?.1),
            c => name.push(c),
        }
    }
    let step = match name.as_str() {
        "" => return None,
        "*" => Step::All,
        _ => Step::Field(name),
    };
    Some((step, &text[end..]))
}

/// Reads from `[` to its `]`, minding quotes and brackets within.
fn bracket(text: &str) -> Option<(Step, &str)> {
    let inner = text.strip_prefix('[')?;
    let (mut depth, mut quote) = (0, None);
    let close = inner.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
        None
    })?;
    Some((selector(inner[..close].trim())?, &inner[close + 1..]))
}

fn selector(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(condition) = text.strip_prefix("?(").and_then(|t| t.strip_suffix(')')) {
        return filter(condition.trim());
    }
    match unquoted(text) {
        Some(name) => Some(Step::Field(name.to_owned())),
        None => text.parse().ok().map(Step::Index),
    }
}

fn filter(condition: &str) -> Option<Step> {
    let condition = condition.strip_prefix('@')?;
    let found = OPERATORS.iter().filter_map(|(text, operator)| Some((condition.find(text)?, *text, *operator)));
    // The leftmost operator splits; of two at one place the longer stands first in the table.
    let Some((at, text, operator)) = found.min_by_key(|(at, ..)| *at) else {
        return Some(Step::Where(Path::parse(condition)?, None));
    };
    let literal = condition[at + text.len()..].trim();
    let literal = match unquoted(literal) {
        Some(text) => Doc::from(text),
        None => serde_json::from_str(literal).ok()?,
    };
    Some(Step::Where(Path::parse(condition[..at].trim())?, Some((operator, literal))))
}

fn unquoted(text: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|q| text.strip_prefix(q)?.strip_suffix(q))
}

fn select<'a>(steps: &[Step], doc: &'a Doc) -> Option<&'a Doc> {
    let Some((step, rest)) = steps.split_first() else { return Some(doc) };
    match (step, doc) {
        (Step::Field(name), _) => select(rest, doc.get(name)?),
        (Step::Index(index), Doc::Array(items)) => {
            let at = if *index < 0 { items.len() as i64 + index } else { *index };
            select(rest, items.get(usize::try_from(at).ok()?)?)
        }
        (Step::All, Doc::Array(items)) => items.iter().find_map(|item| select(rest, item)),
        (Step::All, Doc::Object(members)) => members.values().find_map(|member| select(rest, member)),
        (Step::Where(path, test), Doc::Array(items)) => {
            items.iter().filter(|item| holds(path, test.as_ref(), item)).find_map(|item| select(rest, item))
        }
        _ => None,
    }
}

fn holds(path: &Path, test: Option<&(Operator, Doc)>, item: &Doc) -> bool {
    let Some(value) = path.first(item) else { return false };
    let Some((operator, literal)) = test else { return true };
    let order = match (value.as_f64(), literal.as_f64(), value.as_str(), literal.as_str()) {
        (Some(a), Some(b), ..) => a.partial_cmp(&b),
        (.., Some(a), Some(b)) => Some(a.cmp(b)),
        _ => (value == literal).then_some(std::cmp::Ordering::Equal),
    };
    match operator {
        Operator::Equal => order.is_some_and(|o| o.is_eq()),
        Operator::NotEqual => order.is_none_or(|o| o.is_ne()),
        Operator::Less => order.is_some_and(|o| o.is_lt()),
        Operator::LessOrEqual => order.is_some_and(|o| o.is_le()),
        Operator::Greater => order.is_some_and(|o| o.is_gt()),
        Operator::GreaterOrEqual => order.is_some_and(|o| o.is_ge()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_select_the_first_value() {
        let doc = json!({"a": {"b.c": 1, "list": [{"n": 1, "t": "x"}, {"n": 2, "t": "y", "s": "]"}]}});
        for (path, expected) in [
            (".a['b.c']", Some(json!(1))),
            (r".a.b\.c", Some(json!(1))),
            ("$.a.list[0].t", Some(json!("x"))),
            (".a.list[-1].t", Some(json!("y"))),
            (".a.list[5].t", None),
            (".a.list[*].s", Some(json!("]"))),
            (r#".a.list[?(@.t=="y")].n"#, Some(json!(2))),
            (".a.list[?(@.t != 'x')].n", Some(json!(2))),
            (".a.list[?(@.n>=2)].t", Some(json!("y"))),
            (r#".a.list[?(@.s=="]")].t"#, Some(json!("y"))),
            (".a.list[?(@.s)].n", Some(json!(2))),
            (".a.missing", None),
        ] {
            let parsed = Path::parse(path).unwrap_or_else(|| panic!("{path} should parse"));
            assert_eq!(parsed.first(&doc), expected.as_ref(), "{path}");
        }
        for wrong in [".a[", ".a[?(x)]", "a", "..a", ".a[1:2]"] {
            assert!(Path::parse(wrong).is_none(), "{wrong}");
        }
    }
}
