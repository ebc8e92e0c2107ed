//! `cargo xtask codegen kubernetes`: published definitions of each supported minor -> one committed table of facts.

mod hand;
mod resources;
mod sources;
mod types;

use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Minor, and the lightkube-models release that describes its resources.
const MINORS: [(u32, &str); 4] = [(34, "1.34.0.8"), (35, "1.35.0.8"), (36, "1.36.3.8"), (37, "1.37.0.8")];

/// From here on decode errors name the structs that a field is inlined through (sigs.k8s.io/json of 2025-07).
const NAMES_INLINED: u32 = 35;

pub fn run() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent directory")?.to_owned();
    let work = root.join("target/codegen/kubernetes");
    sources::create(&work)?;
    for (minor, lightkube) in MINORS {
        let table = table(&root, &work, minor, lightkube)?;
        let path = root.join(format!("crates/schema/tables/v1.{minor}.json.gz"));
        write(&path, &table)?;
        println!("{}", path.display());
    }
    Ok(())
}

fn table(root: &Path, work: &Path, minor: u32, lightkube: &str) -> Result<Value, String> {
    let openapi = sources::definitions(root, work, minor)?;
    let go = sources::go_types(root, work, minor)?;
    let resources = resources::parse(&sources::lightkube(root, work, lightkube)?)?;
    Ok(json!({ "minor": minor, "types": types::join(&openapi, &go, minor >= NAMES_INLINED)?, "resources": resources }))
}

/// gzip without name and time, so that the same facts give the same bytes.
fn write(path: &PathBuf, table: &Value) -> Result<(), String> {
    let text = serde_json::to_vec(table).map_err(|e| e.to_string())?;
    let mut gzip = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::best());
    gzip.write_all(&text).map_err(|e| e.to_string())?;
    let bytes = gzip.finish().map_err(|e| e.to_string())?;
    sources::create(path.parent().ok_or("a table has a directory")?)?;
    std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}
