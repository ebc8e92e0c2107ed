//! The binary to hand out: static, stripped, with its checksum.

use crate::process::{self, Failure, Result, root};
use std::fs;

const TARGET: &str = "x86_64-unknown-linux-gnu";

pub fn run() -> Result<()> {
    process::timed("dist: a static binary", || {
        // Flags by --config, so that proc macros and build scripts (which must stay dynamic) are not touched.
        let flags = format!("target.{TARGET}.rustflags=[\"-C\", \"target-feature=+crt-static\"]");
        process::cargo(&["build", "--locked", "--profile", "dist", "--target", TARGET, "-p", "pilothouse", "--config", &flags])?;
        let target = crate::workspace::Metadata::read()?.target_directory;
        let built = target.join(TARGET).join("dist/pilothouse");
        let directory = root().join("dist");
        let name = format!("pilothouse-{}-{TARGET}", env!("CARGO_PKG_VERSION"));
        fs::create_dir_all(&directory).map_err(|error| Failure::io("dist/", &error))?;
        fs::copy(&built, directory.join(&name)).map_err(|error| Failure::io(built.display(), &error))?;
        let path = format!("dist/{name}");
        let checksum = process::output("sha256sum", &[&path])?;
        fs::write(directory.join(format!("{name}.sha256")), checksum).map_err(|error| Failure::io("checksum", &error))?;
        println!("   {path}");
        Ok(())
    })
}
