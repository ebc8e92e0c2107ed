//! LIST: a consistent slice of the cache, or, for the later pages of a chunked list, of the store's history.

use crate::cache::{ResourceCache, Slice};
use crate::filter::Filter;
use crate::keys;
use crate::server::{ApiServer, Cx};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use client::{List, VersionMatch};
use meta::status::Result;
use meta::{Object, Status};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many records one look into the history reads.
const HISTORY_CHUNK: usize = 500;

/// The place where a chunked list goes on, in upstream's own encoding.
#[derive(Serialize, Deserialize)]
struct Continue {
    v: String,
    /// The list's revision, or -1: go on at whatever is newest.
    rv: i64,
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

impl Continue {
    fn encode(revision: i64, start: &str) -> String {
        let token = Self { v: TOKEN_VERSION.into(), rv: revision, start: start.into() };
        BASE64.encode(serde_json::to_vec(&token).expect("a token of plain fields always encodes"))
    }
    fn decode(text: &str) -> Result<Self> {
        let invalid = || Status::bad_request("continue key is not valid");
        let token: Self = serde_json::from_slice(&BASE64.decode(text).map_err(|_| invalid())?).map_err(|_| invalid())?;
        if token.v == TOKEN_VERSION && !token.start.is_empty() { Ok(token) } else { Err(invalid()) }
    }
}

/// What a list request is answered with.
pub(crate) enum Listing {
    Page(List),
    Whole(Whole),
}

impl From<Listing> for List {
    fn from(listing: Listing) -> Self {
        match listing {
            Listing::Page(list) => list,
            Listing::Whole(whole) => whole.into(),
        }
    }
}

impl From<Whole> for List {
    fn from(whole: Whole) -> Self {
        Self { revision: whole.revision, items: whole.collect(), ..Self::default() }
    }
}

/// Everything that is selected, read from an unchanging view of the cache while it is written: however long the list, no
/// copy of it is made, and its first object is there at once.
pub(crate) struct Whole {
    pub revision: u64,
    slice: Slice,
    filter: Filter,
    /// The key of the last object that was looked at; none when there are no more.
    last: Option<String>,
    ready: std::vec::IntoIter<Arc<Object>>,
}

/// Objects that are looked at in one go.
const STRIDE: usize = 256;

impl Iterator for Whole {
    type Item = Arc<Object>;

    fn next(&mut self) -> Option<Arc<Object>> {
        loop {
            if let Some(object) = self.ready.next() {
                return Some(object);
            }
            let last = self.last.take()?;
            let stride = self.slice.under(&self.filter.prefix, &last).take(STRIDE);
            let (mut ready, mut seen, mut newest) = (Vec::with_capacity(STRIDE), 0, None);
            for (key, object) in stride {
                (seen, newest) = (seen + 1, Some(key));
                if self.filter.matches(object) {
                    ready.push(object.clone());
                }
            }
            self.last = newest.filter(|_| seen == STRIDE).map(|key| key.to_string());
            self.ready = ready.into_iter();
        }
    }
}

impl ApiServer {
    pub(crate) async fn list(&self, cx: &Cx<'_>) -> Result<Listing> {
        let options = &cx.call.options;
        let filter = self.filter(cx)?;
        let cache = self.cache_of(&cx.def)?;
        if !options.continue_token.is_empty() {
            if !matches!(options.resource_version.as_str(), "" | "0") {
                return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
            }
            let page = self.next_page(cx, &cache, &filter, Continue::decode(&options.continue_token)?).await?;
            return Ok(Listing::Page(page));
        }
        let reached = match (options.resource_version.as_str(), options.version_match) {
            ("", Some(_)) => {
                return Err(Status::bad_request("resourceVersionMatch is forbidden unless resourceVersion is provided"));
            }
            ("0", Some(VersionMatch::Exact)) => {
                return Err(Status::bad_request("resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\""));
            }
            ("", None) => self.caches.fresh().await?,
            ("0", _) => self.caches.applied(),
            (version, Some(VersionMatch::Exact)) => {
                let at = self.known_version(version)?;
                self.caches.reached(at).await?;
                return self.page_at(cx, &cache, &filter, at, "").await.map(Listing::Page);
            }
            (version, _) => self.caches.reached(self.known_version(version)?).await?,
        };
        let slice = cache.slice_of(filter.lookup().as_ref());
        let revision = reached.max(slice.changed);
        if options.limit == 0 {
            return Ok(Listing::Whole(Whole {
                revision,
                slice,
                filter,
                last: Some(String::new()),
                ready: Vec::new().into_iter(),
            }));
        }
        Ok(Listing::Page(self.page_of(cx, &slice, &filter, revision, "")))
    }

    async fn next_page(&self, cx: &Cx<'_>, cache: &ResourceCache, filter: &Filter, token: Continue) -> Result<List> {
        let Ok(at) = u64::try_from(token.rv) else {
            let reached = self.caches.fresh().await?;
            let slice = cache.slice_of(filter.lookup().as_ref());
            let revision = reached.max(slice.changed);
            return Ok(self.page_of(cx, &slice, filter, revision, &token.start));
        };
        self.caches.reached(self.known_version(&at.to_string())?).await?;
        self.page_at(cx, cache, filter, at, &token.start).await
    }

    /// A page as of revision `at`: from the cache when the resource has not changed since, else from the history.
    async fn page_at(&self, cx: &Cx<'_>, cache: &ResourceCache, filter: &Filter, at: u64, after: &str) -> Result<List> {
        let slice = cache.slice_of(filter.lookup().as_ref());
        if slice.changed <= at {
            return Ok(self.page_of(cx, &slice, filter, at, after));
        }
        let prefix = keys::prefix(cx.def.storage());
        let (mut items, mut last, mut more) = (Vec::new(), after.to_owned(), true);
        let limit = if cx.call.options.limit == 0 { usize::MAX } else { cx.call.options.limit };
        while more && items.len() < limit {
            let behind = (!last.is_empty()).then(|| format!("{prefix}{last}"));
            let within = format!("{prefix}{}", filter.prefix);
            let page = self.caches.store().range(&within, behind.as_deref(), HISTORY_CHUNK, Some(at)).await;
            let page = page.map_err(|error| expired(error, at, &last))?;
            more = page.more;
            for (index, entry) in page.entries.iter().enumerate() {
                last = entry.key[prefix.len()..].to_owned();
                let object = cache.decode(entry.value.clone(), entry.mod_revision).map_err(Status::internal)?;
                if filter.matches(&object) {
                    items.push(Arc::new(object));
                }
                if items.len() == limit {
                    more |= index + 1 < page.entries.len();
                    break;
                }
            }
        }
        let continue_token = if more { Continue::encode(at as i64, &last) } else { String::new() };
        Ok(List { items, revision: at, continue_token, remaining: None })
    }

    fn page_of(&self, cx: &Cx<'_>, slice: &Slice, filter: &Filter, revision: u64, after: &str) -> List {
        let limit = if cx.call.options.limit == 0 { usize::MAX } else { cx.call.options.limit };
        let mut list = List { revision, ..List::default() };
        let mut last = None;
        let mut rest = slice.under(&filter.prefix, after).filter(|(_, object)| filter.matches(object));
        for (key, object) in rest.by_ref().take(limit) {
            list.items.push(object.clone());
            last = Some(key);
        }
        if list.items.len() == limit
            && let Some(last) = last
            && rest.next().is_some()
        {
            list.continue_token = Continue::encode(revision as i64, last);
            list.remaining = filter.is_everything().then(|| 1 + rest.count() as u64);
        }
        list
    }
}

/// Compacted history answers 410 with a token that goes on inconsistently, as upstream's does.
fn expired(error: storage::Error, at: u64, after: &str) -> Status {
    if !matches!(error, storage::Error::Compacted { .. }) {
        return Status::internal(error);
    }
    if after.is_empty() {
        return Status::expired(format!("The resourceVersion for the provided list is too old: {at}"));
    }
    let mut status = Status::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without \
         the continue parameter, or use the continue token in this response to retrieve the remainder of the results. \
         Continuing with the provided token results in an inconsistent list - objects that were created, modified, or \
         deleted between the time the first chunk was returned and now may show up in the list.",
    );
    status.continue_token = Continue::encode(-1, after);
    status
}
