//! `pilothouse image`: the service does the work, in its own content store.

use super::{Failure, io};
use crate::cli::{Image as Options, ImageLoad, ImageRm, Output, Status};
use cluster::StateDir;
use cluster::control_socket::{self, Ask, Image, ImageAnswer};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// As many digits of an id as crictl shows.
const SHORT_ID: usize = 13;

pub async fn run(options: &Options) -> Result<(), Failure> {
    match options {
        Options::Load(options) => load(options).await,
        Options::List(options) => list(options).await,
        Options::Rm(options) => remove(options).await,
    }
}

async fn load(options: &ImageLoad) -> Result<(), Failure> {
    let state = StateDir::new(&options.state.state_dir);
    let ask = |archive: PathBuf| Ask::ImageLoad { archive, name: options.name.clone() };
    let answer = if options.archive == Path::new("-") {
        // Before the first byte is read: standard input comes only once.
        say(&state, Ask::ImageList).await?;
        let spooled = Spooled::from_stdin(&state)?;
        say(&state, ask(spooled.0.clone())).await?
    } else {
        let shown = options.archive.display();
        File::open(&options.archive).map_err(io(format!("cannot read {shown}")))?;
        say(&state, ask(std::path::absolute(&options.archive).map_err(io(format!("cannot read {shown}")))?)).await?
    };
    if let ImageAnswer::Images(images) = answer {
        for image in images {
            println!("loaded {}  {}", image.repo_tags.join(" "), image.id);
        }
    }
    Ok(())
}

async fn list(options: &Status) -> Result<(), Failure> {
    let answer = say(&StateDir::new(&options.state.state_dir), Ask::ImageList).await?;
    let ImageAnswer::Images(images) = answer else { return Ok(()) };
    match options.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&images).map_err(|e| Failure::Other(e.to_string()))?),
        Output::Table => print!("{}", table(&images)),
    }
    Ok(())
}

async fn remove(options: &ImageRm) -> Result<(), Failure> {
    let ask = Ask::ImageRemove { name: options.image.clone() };
    if let ImageAnswer::Removed { name, deleted } = say(&StateDir::new(&options.state.state_dir), ask).await? {
        println!("untagged {name}");
        if let Some(id) = deleted {
            println!("deleted {id}");
        }
    }
    Ok(())
}

/// Asks the running service; its steps are for people.
async fn say(state: &StateDir, ask: Ask) -> Result<ImageAnswer, Failure> {
    let answer = control_socket::ask_images(&state.control_socket(), ask, &mut |step| eprintln!("{step}")).await;
    match answer.map_err(io("cannot reach the service"))? {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(why)) => Err(Failure::Other(why)),
        None => Err(Failure::NotRunning(state.path().display().to_string())),
    }
}

/// Standard input as a file that the service can read. What a killed command leaves, the next start of the service removes.
struct Spooled(PathBuf);

impl Spooled {
    fn from_stdin(state: &StateDir) -> Result<Self, Failure> {
        let path = std::path::absolute(state.images()).map_err(io("cannot use the state directory"))?;
        let spooled = Self(path.join("work").join(format!("stdin-{}", std::process::id())));
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&spooled.0);
        let mut file = opened.map_err(io("cannot keep standard input"))?;
        std::io::copy(&mut std::io::stdin().lock(), &mut file).map_err(io("cannot keep standard input"))?;
        Ok(spooled)
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // Nothing more can be done about it here.
        drop(std::fs::remove_file(&self.0));
    }
}

/// One line for each name, as `crictl images` shows them.
fn table(images: &[Image]) -> String {
    let mut rows = vec![["IMAGE", "TAG", "IMAGE ID", "SIZE"].map(str::to_owned)];
    for image in images {
        let hex = image.id.trim_start_matches("sha256:");
        let (id, size) = (hex.chars().take(SHORT_ID).collect::<String>(), size(image.size_bytes));
        let digests = image.repo_digests.iter().filter_map(|d| d.split_once('@')).map(|(name, _)| (name, "<none>"));
        let tags: Vec<(&str, &str)> = image.repo_tags.iter().filter_map(|tag| tag.rsplit_once(':')).collect();
        let names = if tags.is_empty() { digests.collect() } else { tags };
        rows.extend(names.iter().map(|(name, tag)| [(*name).to_owned(), (*tag).to_owned(), id.clone(), size.clone()]));
    }
    let widths = [0, 1, 2].map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)); // there is a heading
    let line = |[name, tag, id, size]: &[String; 4]| {
        format!("{name:<0$}  {tag:<1$}  {id:<2$}  {size}\n", widths[0], widths[1], widths[2])
    };
    rows.iter().map(line).collect()
}

/// Three digits and a decimal unit.
fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for next in ["kB", "MB", "GB"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    let decimals = if unit == "B" || value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_listed_by_name() {
        for (bytes, expected) in
            [(0, "0B"), (999, "999B"), (1234, "1.23kB"), (12_345_678, "12.3MB"), (999_999, "1.00MB"), (5 << 30, "5.37GB")]
        {
            assert_eq!(size(bytes), expected);
        }
        let image = Image {
            id: format!("sha256:{}", "4f".repeat(32)),
            repo_tags: vec!["docker.io/library/busybox:1".into(), "localhost:5000/x:latest".into()],
            size_bytes: 2_000_000,
            ..Image::default()
        };
        let expected = "IMAGE                      TAG     IMAGE ID       SIZE\n\
                        docker.io/library/busybox  1       4f4f4f4f4f4f4  2.00MB\n\
                        localhost:5000/x           latest  4f4f4f4f4f4f4  2.00MB\n";
        assert_eq!(table(&[image]), expected);
    }
}
