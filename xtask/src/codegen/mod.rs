//! Regenerates the committed tables from published sources, one file per source.

pub mod aws;
pub mod kubernetes;

/// `kubernetes`, `aws`, or both.
pub fn run(which: Option<&str>) -> Result<(), String> {
    match which {
        Some("kubernetes") => kubernetes::run(),
        Some("aws") => aws::run(),
        Some(other) => Err(format!("there are no tables called {other}: name kubernetes, aws, or nothing for both")),
        None => kubernetes::run().and_then(|()| aws::run()),
    }
}
