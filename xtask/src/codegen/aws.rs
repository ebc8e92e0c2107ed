//! `codegen aws`: turns botocore's service data into `crates/aws-wire/models/<service>.json.gz`, facts only.

mod source;
mod table;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use serde::de::DeserializeOwned;

/// Pinned: the tables are a function of this version alone.
const BOTOCORE: &str = "1.44.5";

const SERVICES: &[&str] =
    &["autoscaling", "ec2", "ecr", "efs", "eks", "eks-auth", "elbv2", "iam", "kms", "logs", "route53", "ssm", "sts"];

pub fn run() -> Result<(), String> {
    let root = workspace_root()?;
    let data = botocore_data(&root.join("target/codegen").join(format!("botocore-{BOTOCORE}")))?;
    let out = root.join("crates/aws-wire/models");
    fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    for service in SERVICES {
        let dir = latest_version(&data.join(service))?;
        let model: source::Service = read(&dir, "service-2")?.ok_or_else(|| format!("{service}: no service-2"))?;
        let waiters: Option<source::Waiters> = read(&dir, "waiters-2")?;
        let paginators: Option<source::Paginators> = read(&dir, "paginators-1")?;
        let table = table::build(service, &model, waiters, paginators)?;
        let packed = pack(&table.to_string())?;
        let path = out.join(format!("{service}.json.gz"));
        println!("{service}: {} operations, {} bytes", model.operations.len(), packed.len());
        fs::write(&path, packed).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

pub fn workspace_root() -> Result<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(Path::to_owned).ok_or_else(|| "xtask has no parent directory".to_owned())
}

/// The `data` directory of the pinned botocore, installed into a virtual environment on first use.
fn botocore_data(venv: &Path) -> Result<PathBuf, String> {
    let python = venv.join("bin/python3");
    if !python.exists() {
        output(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    }
    let installed = "import botocore, os; print(botocore.__version__); print(os.path.dirname(botocore.__file__))";
    let found = |python: &Path| output(Command::new(python).args(["-c", installed]));
    let text = match found(&python) {
        Ok(text) if text.starts_with(BOTOCORE) => text,
        _ => {
            let requirement = format!("botocore=={BOTOCORE}");
            output(Command::new(&python).args(["-m", "pip", "install", "--quiet", &requirement]))?;
            found(&python)?
        }
    };
    let dir = text.lines().nth(1).ok_or("botocore did not say where it is")?;
    Ok(Path::new(dir).join("data"))
}

pub fn output(command: &mut Command) -> Result<String, String> {
    let done = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if !done.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr)));
    }
    String::from_utf8(done.stdout).map_err(|e| e.to_string())
}

/// API versions are dates, so the greatest name is the newest.
fn latest_version(service: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(service).map_err(|e| format!("{}: {e}", service.display()))?;
    let dirs = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir());
    dirs.max().ok_or_else(|| format!("{}: no version", service.display()))
}

fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Option<T>, String> {
    let (packed, plain) = (dir.join(format!("{name}.json.gz")), dir.join(format!("{name}.json")));
    let mut text = String::new();
    if packed.exists() {
        let file = fs::File::open(&packed).map_err(|e| format!("{}: {e}", packed.display()))?;
        GzDecoder::new(file).read_to_string(&mut text).map_err(|e| format!("{}: {e}", packed.display()))?;
    } else if plain.exists() {
        text = fs::read_to_string(&plain).map_err(|e| format!("{}: {e}", plain.display()))?;
    } else {
        return Ok(None);
    }
    serde_json::from_str(&text).map(Some).map_err(|e| format!("{}/{name}: {e}", dir.display()))
}

/// No file name and no time in the header, so equal tables are equal files.
pub fn pack(text: &str) -> Result<Vec<u8>, String> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).map_err(|e| e.to_string())?;
    encoder.finish().map_err(|e| e.to_string())
}
