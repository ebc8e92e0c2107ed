//! `codegen instances`: what EC2's instance types are, from PyPI's moto (Apache-2.0), as
//! `crates/aws-wire/models/instance-types.txt`: one line per family, its types packed, so that one is found without
//! unpacking the others.

use super::aws::{output, pack, workspace_root};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Pinned: the table is a function of this version alone.
const MOTO: &str = "5.2.5";
const MEMBER: &str = "moto/ec2/resources/instance_types.json.gz";

pub fn run() -> Result<(), String> {
    let root = workspace_root()?;
    let types = source(&root.join("target/codegen").join(format!("moto-{MOTO}")))?;
    let mut families: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (name, facts) in &types {
        families.entry(name.split('.').next().unwrap_or(name)).or_default().push(facts);
    }
    let mut text = String::new();
    for (family, members) in families {
        let plain = serde_json::to_string(&members).map_err(|e| e.to_string())?;
        writeln!(text, "{family} {}", STANDARD.encode(pack(&plain)?)).map_err(|e| e.to_string())?;
    }
    let path = root.join("crates/aws-wire/models/instance-types.txt");
    println!("instance types: {}, {} bytes", types.len(), text.len());
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Unpacked with Python's own zip reader, of which pip has need anyway.
fn source(directory: &Path) -> Result<Map<String, Value>, String> {
    let found = |directory: &Path| -> Option<PathBuf> {
        let entries = fs::read_dir(directory).ok()?.filter_map(Result::ok).map(|entry| entry.path());
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "whl")).max()
    };
    if found(directory).is_none() {
        let wanted = format!("moto=={MOTO}");
        output(Command::new("python3").args(["-m", "pip", "download", "--no-deps", "--quiet", &wanted, "-d"]).arg(directory))?;
    }
    let wheel = found(directory).ok_or("pip has left no wheel of moto")?;
    let unpacked = directory.join("unpacked");
    output(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    let path = unpacked.join(MEMBER);
    let file = fs::File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| e.to_string())
}
