//! What an ended container left to say: its termination log, or the end of its output
//! (kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go, getTerminationMessage).

use crate::pod::ContainerView;
use runtime::cri::ContainerStatus;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

const MAX_MESSAGE_BYTES: u64 = 4096;
const MAX_LOG_BYTES: u64 = 2048;
const MAX_LOG_LINES: usize = 80;

pub async fn message(container: ContainerView<'_>, status: &ContainerStatus) -> String {
    let path = container.doc()["terminationMessagePath"].as_str().unwrap_or("/dev/termination-log");
    let mount = status.config.mounts.iter().find(|mount| mount.container_path == Path::new(path));
    let written = match mount {
        Some(mount) => tail(&mount.host_path, MAX_MESSAGE_BYTES).await,
        None => String::new(),
    };
    let fallback = container.doc()["terminationMessagePolicy"] == "FallbackToLogsOnError";
    if written.is_empty() && fallback && status.exit_code != 0 {
        return last_lines(&tail(&status.config.log_path, MAX_LOG_BYTES * 2).await);
    }
    written
}

/// The end of a file; nothing where it cannot be read: a message is a courtesy.
async fn tail(path: &Path, bytes: u64) -> String {
    let read = async {
        let mut file = tokio::fs::File::open(path).await?;
        let length = file.metadata().await?.len();
        file.seek(std::io::SeekFrom::Start(length.saturating_sub(bytes))).await?;
        let mut out = Vec::new();
        file.take(bytes).read_to_end(&mut out).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&out).into_owned())
    };
    read.await.unwrap_or_default() // see above
}

/// Without time, stream and tag that CRI's log format puts before each line.
fn last_lines(log: &str) -> String {
    let text = |line: &str| line.splitn(4, ' ').nth(3).map(str::to_owned);
    let lines: Vec<String> = log.lines().filter_map(text).collect();
    let kept = lines[lines.len().saturating_sub(MAX_LOG_LINES)..].join("\n");
    let from = kept.len().saturating_sub(MAX_LOG_BYTES as usize);
    let from = (from..=kept.len()).find(|at| kept.is_char_boundary(*at)).unwrap_or(kept.len());
    let newline = if kept.is_empty() { "" } else { "\n" };
    format!("{}{newline}", &kept[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_lose_their_envelope() {
        let log = "2026-01-01T00:00:00.0Z stdout F hello world\n2026-01-01T00:00:01.0Z stderr F no\n";
        assert_eq!(last_lines(log), "hello world\nno\n");
        assert_eq!(last_lines(""), "");
    }
}
