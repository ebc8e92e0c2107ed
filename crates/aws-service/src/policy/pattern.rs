//! Wildcards and policy variables.

use super::Context;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Letter(char),
    /// `?`
    One,
    /// `*`
    Any,
}

/// A text of a policy with its variables filled in. A wildcard that a variable's value brings along is a plain letter.
#[derive(Debug)]
pub struct Pattern(Vec<Piece>);

impl Pattern {
    /// `None` when a variable has no value: such a pattern matches nothing.
    pub fn new(text: &str, context: &Context) -> Option<Self> {
        let mut pieces = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            if let Some((variable, after)) = rest.strip_prefix("${").and_then(|tail| tail.split_once('}')) {
                pieces.extend(value_of(variable, context)?.chars().map(Piece::Letter));
                rest = after;
                continue;
            }
            pieces.push(match letter {
                '*' => Piece::Any,
                '?' => Piece::One,
                other => Piece::Letter(other),
            });
            rest = &rest[letter.len_utf8()..];
        }
        Some(Self(pieces))
    }

    pub fn matches(&self, text: &str) -> bool {
        wild(&self.0, &text.chars().collect::<Vec<_>>())
    }

    pub fn matches_ignoring_case(&self, text: &str) -> bool {
        let lower = |piece: &Piece| match piece {
            Piece::Letter(letter) => Piece::Letter(letter.to_ascii_lowercase()),
            other => *other,
        };
        let pieces: Vec<Piece> = self.0.iter().map(lower).collect();
        wild(&pieces, &text.chars().map(|letter| letter.to_ascii_lowercase()).collect::<Vec<_>>())
    }

    /// Equality without wildcards.
    pub fn equals(&self, text: &str) -> bool {
        let as_written = self.0.iter().map(|piece| match piece {
            Piece::Letter(letter) => *letter,
            Piece::One => '?',
            Piece::Any => '*',
        });
        as_written.eq(text.chars())
    }

    /// ARNs match part by part: a wildcard does not reach over the colons that separate the first five.
    pub fn matches_arn(&self, arn: &str) -> bool {
        let mut pieces = self.0.splitn(6, |piece| *piece == Piece::Letter(':'));
        let mut parts = arn.splitn(6, ':');
        if self.0.split(|piece| *piece == Piece::Letter(':')).count() < 6 {
            return self.matches(arn);
        }
        loop {
            match (pieces.next(), parts.next()) {
                (None, None) => return true,
                (Some(piece), Some(part)) if wild(piece, &part.chars().collect::<Vec<_>>()) => {}
                _ => return false,
            }
        }
    }
}

/// `aws:username`, `aws:username, 'default'`, or one of the escapes `*`, `?`, `$`.
fn value_of(variable: &str, context: &Context) -> Option<String> {
    if matches!(variable, "*" | "?" | "$") {
        return Some(variable.to_owned());
    }
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
        None => (variable.trim(), None),
    };
    match context.get(key) {
        [value] => Some(value.clone()),
        _ => default.map(str::to_owned),
    }
}

/// Linear in practice: on a mismatch only the latest `*` is tried further.
fn wild(pattern: &[Piece], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Any) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Piece::One) => (p, t) = (p + 1, t + 1),
            Some(Piece::Letter(letter)) if *letter == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|piece| *piece == Piece::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_variables() {
        let context = Context::default().with("aws:username", "a*b");
        for (pattern, text, expected) in [
            ("*", "", true),
            ("eks:*", "eks:ListClusters", true),
            ("eks:Li?t*", "eks:ListClusters", true),
            ("eks:List", "eks:ListClusters", false),
            ("*a*b*c", "xaxbxc", true),
            ("*a*b*c", "xaxcxb", false),
            ("user/${aws:username}", "user/a*b", true),
            ("user/${aws:username}", "user/axb", false),
            ("${*}x", "*x", true),
            ("${aws:missing, 'team'}/x", "team/x", true),
        ] {
            assert_eq!(Pattern::new(pattern, &context).is_some_and(|p| p.matches(text)), expected, "{pattern} {text}");
        }
        assert!(Pattern::new("${aws:missing}", &context).is_none());
    }

    #[test]
    fn arns_match_part_by_part() {
        for (pattern, arn, expected) in [
            ("*", "arn:aws:eks:us-east-1:1:cluster/c", true),
            ("arn:aws:eks:*:1:cluster/*", "arn:aws:eks:us-east-1:1:cluster/c", true),
            ("arn:aws:eks:*:cluster/*:x", "arn:aws:eks:us-east-1:1:cluster/c", false),
            ("arn:*:eks:*:*:cluster/c", "arn:aws:eks:us-east-1:1:cluster/c", true),
            ("arn:aws:eks:*", "arn:aws:eks:us-east-1:1:cluster/c", true),
            ("arn:aws:eks:us-*:1:nodegroup/*", "arn:aws:eks:us-east-1:1:cluster/c", false),
        ] {
            let pattern_value = Pattern::new(pattern, &Context::default());
            assert_eq!(pattern_value.is_some_and(|p| p.matches_arn(arn)), expected, "{pattern} {arn}");
        }
    }
}
