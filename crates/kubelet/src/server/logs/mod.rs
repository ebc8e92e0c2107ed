//! Container logs: files in CRI's format become what the process wrote.

mod follow;
mod lines;
mod options;
mod tail;

use super::KubeletServer;
use super::reply::{Failure, plain};
use crate::LookupError;
use follow::LogReader;
use futures::{StreamExt, stream};
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use options::{LogOptions, OptionsError};
use serve::Body;
use std::convert::Infallible;

impl KubeletServer {
    pub(super) async fn container_logs(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        query: &str,
    ) -> Result<Response<Body>, Failure> {
        let options = LogOptions::parse(query, self.parts.clock.now()).map_err(|error| match error {
            OptionsError::Undecodable => Failure::new(400, r#"{"message": "Unable to decode query."}"#),
            OptionsError::Invalid => Failure::new(422, r#"{"message": "Invalid request."}"#),
        })?;
        let found =
            self.parts.pods.logged_container(namespace, pod, container, options.previous).map_err(|error| match error {
                LookupError::NoPod(_) => Failure::new(404, format!("pod {pod:?} does not exist")),
                LookupError::NoContainer { .. } => Failure::new(404, format!("container {container:?} not found in pod {pod:?}")),
                other => other.into(),
            })?;
        let place = self.open.clone().try_acquire_owned();
        let place = place.map_err(|_| Failure::new(503, "too many streams are open"))?;
        let follow = options.follow && !options.previous;
        let runtime = follow.then(|| self.parts.runtime.clone());
        let reader = LogReader::open(&found.log_path, options, runtime.map(|runtime| (runtime, found.id))).await;
        let reader = reader.map_err(|error| {
            let path = found.log_path.display();
            Failure::bad_request(format!("failed to try resolving symlinks in path {path:?}: {error}"))
        })?;
        let pieces = stream::unfold((reader, place), |(mut reader, place)| async move {
            let piece = reader.next().await?;
            Some((Ok::<_, Infallible>(Frame::data(piece)), (reader, place)))
        });
        let pieces = pieces.take_until(self.parts.stop.clone().cancelled_owned());
        Ok(plain(StreamBody::new(pieces).boxed_unsync()))
    }
}
