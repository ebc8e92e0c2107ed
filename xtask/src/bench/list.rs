//! LIST of everything: the first byte, and the last.

use super::http::Target;
use super::report::Report;
use super::{percentile, sorted};
use crate::process::{Failure, Result};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use std::time::Instant;

const RUNS: usize = 5;

/// Returns the size of the list in MiB.
pub async fn whole(target: &Target, pods: usize, report: &mut Report) -> Result<f64> {
    let (mut first, mut last, mut size) = (Vec::new(), Vec::new(), 0);
    let mut connection = target.connect().await?;
    for _ in 0..RUNS {
        let started = Instant::now();
        let mut body = connection.open(Method::GET, "/api/v1/pods", Bytes::new()).await?.into_body();
        let (mut bytes, mut first_byte) = (0, None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failure(error.to_string()))?;
            first_byte.get_or_insert_with(|| started.elapsed().as_secs_f64() * 1000.0);
            bytes += frame.data_ref().map_or(0, Bytes::len);
        }
        first.extend(first_byte);
        last.push(started.elapsed().as_secs_f64() * 1000.0);
        size = bytes;
    }
    let (first, last) = (percentile(&sorted(first), 0.5), percentile(&sorted(last), 0.5));
    let size = size as f64 / f64::from(1 << 20);
    let here = format!("{last:.0} ms, first byte {first:.1} ms, {size:.0} MiB, {:.0} MiB/s", size * 1000.0 / last);
    report.add(format!("LIST of {pods} pods"), "first byte <= 10 ms", here);
    Ok(size)
}
