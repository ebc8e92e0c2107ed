//! Regenerates the committed tables from published sources, one file per source.

pub mod aws;
pub mod instances;
pub mod kubernetes;

/// `kubernetes`, `aws`, `instances`, or all.
pub fn run(which: Option<&str>) -> Result<(), String> {
    match which {
        Some("kubernetes") => kubernetes::run(),
        Some("aws") => aws::run(),
        Some("instances") => instances::run(),
        Some(other) => Err(format!("there are no tables called {other}: name kubernetes, aws, instances, or nothing for all")),
        None => kubernetes::run().and_then(|()| aws::run()).and_then(|()| instances::run()),
    }
}
