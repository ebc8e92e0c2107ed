//! Client request tokens: the same request sent twice has one effect and one answer.

use crate::ids;
use meta::Doc;
use serde_json::{Value, json};

/// What a record remembers of the request that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    token: String,
    fingerprint: String,
}

impl Token {
    /// From an operation's input and the member that carries the token; `None` when the client sent none.
    pub fn of(input: &Doc, member: &str) -> Option<Self> {
        let token = input[member].as_str().filter(|token| !token.is_empty())?;
        let mut rest = input.clone();
        if let Value::Object(map) = &mut rest {
            map.remove(member);
        }
        // Maps of serde_json are ordered by key, so equal inputs are equal texts.
        Some(Self { token: token.to_owned(), fingerprint: ids::digest(&[&rest.to_string()]) })
    }

    /// For the record's specification.
    pub fn to_doc(&self) -> Doc {
        json!({"token": self.token, "fingerprint": self.fingerprint})
    }

    /// Whether the record was made by this very request.
    pub fn repeats(&self, stored: &Doc) -> bool {
        stored["token"] == self.token.as_str() && stored["fingerprint"] == self.fingerprint.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_request_repeats() {
        let first = Token::of(&json!({"name": "a", "clientRequestToken": "t"}), "clientRequestToken").expect("a token");
        for (input, repeats) in [
            (json!({"clientRequestToken": "t", "name": "a"}), true),
            (json!({"clientRequestToken": "t", "name": "b"}), false),
            (json!({"clientRequestToken": "u", "name": "a"}), false),
        ] {
            let token = Token::of(&input, "clientRequestToken").expect("a token");
            assert_eq!(token.repeats(&first.to_doc()), repeats, "{input}");
        }
        assert_eq!(Token::of(&json!({"name": "a"}), "clientRequestToken"), None);
    }
}
