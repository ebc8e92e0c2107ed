//! One page of a sorted list, and the opaque token for the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What a client asked for, read from its members by the service.
#[derive(Clone, Debug, Default)]
pub struct PageRequest<'a> {
    /// What the list is of, `ListClusters` or `ListAccessEntries/demo`: a token is good for nothing else.
    pub listing: &'a str,
    pub token: Option<&'a str>,
    pub limit: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_token: Option<String>,
}

/// The token is none of ours, or belongs to another list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pagination token is invalid")]
pub struct InvalidToken;

/// Cuts one page out of `items`, which `key` orders; the list may change between two pages without a gap or a repeat.
pub fn page<T>(mut items: Vec<T>, request: &PageRequest<'_>, key: impl Fn(&T) -> String) -> Result<Page<T>, InvalidToken> {
    items.sort_by_cached_key(&key);
    if let Some(token) = request.token.filter(|token| !token.is_empty()) {
        let after = open(request.listing, token)?;
        items.retain(|item| key(item) > after);
    }
    let limit = request.limit.max(1);
    let more = items.len() > limit;
    items.truncate(limit);
    let next_token = items.last().filter(|_| more).map(|last| seal(request.listing, &key(last)));
    Ok(Page { items, next_token })
}

fn seal(listing: &str, last: &str) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!([listing, last]).to_string())
}

fn open(listing: &str, token: &str) -> Result<String, InvalidToken> {
    let text = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
    let (owner, last): (String, String) = serde_json::from_slice(&text).map_err(|_| InvalidToken)?;
    if owner == listing { Ok(last) } else { Err(InvalidToken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask<'a>(token: Option<&'a str>, limit: usize) -> PageRequest<'a> {
        PageRequest { listing: "ListThings", token, limit }
    }

    #[test]
    fn pages_cover_the_list_once_even_while_it_changes() {
        let first = page(vec!["c", "a", "e", "b"], &ask(None, 2), ToString::to_string).expect("a first page");
        assert_eq!(first.items, ["a", "b"]);
        let token = first.next_token.expect("there is more");
        let second = page(vec!["aa", "c", "d", "e"], &ask(Some(&token), 2), ToString::to_string).expect("a second page");
        assert_eq!(second.items, ["c", "d"]);
        let last = page(vec!["d", "e"], &ask(second.next_token.as_deref(), 2), ToString::to_string).expect("a last page");
        assert_eq!((last.items, last.next_token), (vec!["e"], None));
    }

    #[test]
    fn foreign_tokens_are_refused() {
        let other = seal("ListOthers", "a");
        for token in ["%%%", "YQ", other.as_str()] {
            assert_eq!(page(vec!["a"], &ask(Some(token), 2), ToString::to_string), Err(InvalidToken), "{token}");
        }
    }
}
