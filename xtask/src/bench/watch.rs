//! Fan-out: many watchers, steady writes; how late events arrive, and whether any is lost or out of order.

use super::http::Target;
use super::report::Report;
use super::{namespace_path, percentile, sorted};
use crate::process::{Failure, Result};
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const WATCHERS: usize = 100;
const WRITES_PER_SECOND: u64 = 100;
/// After the last write, the longest that an event may still be on its way before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn fan_out(target: &Target, length: Duration, report: &mut Report) -> Result<()> {
    let collection = format!("{}/configmaps", namespace_path());
    let mut writer = target.connect().await?;
    let listed = writer.exchange(Method::GET, &format!("{collection}?limit=1"), Bytes::new()).await?;
    let listed: Value = serde_json::from_slice(&listed).map_err(|error| Failure(error.to_string()))?;
    let revision = listed["metadata"]["resourceVersion"].as_str().ok_or("a list without a resourceVersion")?.to_owned();
    let writes = length.as_secs() * WRITES_PER_SECOND;
    let epoch = Instant::now();
    let mut watchers = JoinSet::new();
    for _ in 0..WATCHERS {
        let mut connection = target.connect().await?;
        let path = format!("{collection}?watch=true&resourceVersion={revision}");
        let body = connection.open(Method::GET, &path, Bytes::new()).await?.into_body();
        watchers.spawn(async move {
            let _open = connection; // dropping it would end the watch
            tokio::time::timeout(length + PATIENCE, follow(body, epoch, writes)).await.unwrap_or_default() // too late: lost
        });
    }
    let mut pace = tokio::time::interval(Duration::from_secs(1) / WRITES_PER_SECOND as u32);
    for number in 0..writes {
        pace.tick().await;
        writer.exchange(Method::POST, &collection, event(number, epoch)).await?;
    }
    let mut lags = Vec::new();
    while let Some(done) = watchers.join_next().await {
        lags.extend(done.map_err(|error| Failure(error.to_string()))?);
    }
    let (expected, delivered) = (writes as usize * WATCHERS, lags.len());
    let lags = sorted(lags);
    report.add(
        format!("watch fan-out, {WATCHERS} watchers x {WRITES_PER_SECOND} events/s"),
        "p99 lag <= 50 ms, none lost or reordered",
        format!(
            "{delivered} of {expected} delivered in order, lag p50 {:.1} ms, p99 {:.1} ms",
            percentile(&lags, 0.5),
            percentile(&lags, 0.99)
        ),
    );
    if delivered == expected { Ok(()) } else { Err("watch events were lost or came out of order".into()) }
}

/// An object that carries when it was sent, so that a watcher can tell how late it is.
fn event(number: u64, epoch: Instant) -> Bytes {
    let sent = epoch.elapsed().as_micros();
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"event-{number}"}},"data":{{"number":"{number}","sent":"{sent}"}}}}"#
    )
    .into()
}

/// Lags in milliseconds of the events that came in the order of their writing.
async fn follow(mut body: Incoming, epoch: Instant, writes: u64) -> Vec<f64> {
    let mut buffer = BytesMut::new();
    let mut lags = Vec::new();
    while (lags.len() as u64) < writes {
        let Some(Ok(frame)) = body.frame().await else { break };
        buffer.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line = buffer.split_to(end);
            buffer.advance(1);
            let Some((number, sent)) = parse(&line) else { continue }; // a bookmark
            if number != lags.len() as u64 {
                return lags;
            }
            lags.push((epoch.elapsed().as_micros() as f64 - sent) / 1000.0);
        }
    }
    lags
}

fn parse(line: &[u8]) -> Option<(u64, f64)> {
    let event: Value = serde_json::from_slice(line).ok()?; // half a line: not an event
    let data = event.pointer("/object/data")?;
    Some((data["number"].as_str()?.parse().ok()?, data["sent"].as_str()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_carry_their_number_and_time() {
        let object = String::from_utf8(event(7, Instant::now()).to_vec()).expect("text");
        let line = format!(r#"{{"type":"ADDED","object":{object}}}"#);
        assert_eq!(parse(line.as_bytes()).expect("an event").0, 7);
        assert_eq!(parse(br#"{"type":"BOOKMARK","object":{"metadata":{}}}"#), None);
    }
}
