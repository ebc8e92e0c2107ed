//! What `pilothouse image` asks of a running service: progress line by line, then one answer.

use crate::control_socket::say;
use images::{ImageService, PullError, Stop, Store};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

pub use images::Image;

/// Steps that wait for a slow reader; loading waits with them.
const STEPS: usize = 16;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ImageAnswer {
    /// What was loaded, or what there is.
    Images(Vec<Image>),
    /// The name that is gone, and the image if that was its last one.
    Removed { name: String, deleted: Option<String> },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    Step(String),
    Answer(ImageAnswer),
    Failed(String),
}

/// Ends the load when nobody listens to it any more.
struct Cancel(Stop);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.set();
    }
}

pub async fn load(stream: &mut UnixStream, store: &Arc<Store>, archive: PathBuf, name: Option<String>) -> io::Result<()> {
    let (steps, mut heard) = mpsc::channel::<String>(STEPS);
    let (store, stop) = (store.clone(), Stop::default());
    let _cancel = Cancel(stop.clone());
    let loading = tokio::task::spawn_blocking(move || {
        let shown = archive.display();
        if !archive.is_absolute() {
            return Err(format!("cannot read {shown}: not an absolute path"));
        }
        let file = File::open(&archive).map_err(|e| format!("cannot read {shown}: {e}"))?;
        if !file.metadata().is_ok_and(|seen| seen.is_file()) {
            return Err(format!("cannot read {shown}: not a file"));
        }
        // Nobody listens: the load is about to be stopped.
        let mut progress = |step: &str| drop(steps.blocking_send(step.to_owned()));
        store.load(file, name.as_deref(), &stop, &mut progress).map_err(|e| e.to_string())
    });
    while let Some(step) = heard.recv().await {
        say(stream, &Line::Step(step)).await?;
    }
    let outcome = loading.await.map_err(io::Error::other)?;
    say(stream, &outcome.map_or_else(Line::Failed, |images| Line::Answer(ImageAnswer::Images(images)))).await
}

pub async fn list(stream: &mut UnixStream, store: &Store) -> io::Result<()> {
    answer(stream, store.list_images().await.map(ImageAnswer::Images)).await
}

pub async fn remove(stream: &mut UnixStream, store: &Arc<Store>, name: String) -> io::Result<()> {
    let store = store.clone();
    let removing = tokio::task::spawn_blocking(move || {
        let removed = store.remove(&name)?.ok_or_else(|| PullError::Internal(format!("no such image: {name}")))?;
        Ok(ImageAnswer::Removed { name: removed.name, deleted: removed.deleted })
    });
    answer(stream, removing.await.map_err(io::Error::other)?).await
}

async fn answer(stream: &mut UnixStream, outcome: Result<ImageAnswer, PullError>) -> io::Result<()> {
    say(stream, &outcome.map_or_else(|error| Line::Failed(error.to_string()), Line::Answer)).await
}

/// The other end: steps go to `progress`.
pub async fn read(mut from: BufReader<UnixStream>, progress: &mut dyn FnMut(&str)) -> io::Result<Result<ImageAnswer, String>> {
    let mut line = String::new();
    loop {
        line.clear();
        if from.read_line(&mut line).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the service ended before it was done"));
        }
        match serde_json::from_str(&line)? {
            Line::Step(step) => progress(&step),
            Line::Answer(answer) => return Ok(Ok(answer)),
            Line::Failed(why) => return Ok(Err(why)),
        }
    }
}
