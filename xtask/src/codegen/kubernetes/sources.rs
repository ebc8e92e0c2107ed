//! Fetches the pinned packages (pip with hashes, the Go proxy with its checksum database) and reads them.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn create(dir: &Path) -> Result<(), String> {
    std::fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let result = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if result.status.success() {
        return Ok(result.stdout);
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&result.stderr)))
}

/// Downloads and unpacks one pinned wheel unless that was done before.
fn wheel(root: &Path, work: &Path, package: &str, version: &str) -> Result<PathBuf, String> {
    let dir = work.join(format!("{package}-{version}"));
    let unpacked = dir.join("unpacked");
    if unpacked.exists() {
        return Ok(unpacked);
    }
    create(&dir)?;
    let wanted = format!("{package}=={version} ");
    let pins = read(&root.join("xtask/codegen/kubernetes-wheels.txt"))?;
    let pin = pins.lines().find(|line| line.starts_with(&wanted)).ok_or(format!("{wanted}has no pinned hash"))?;
    let requirement = dir.join("requirement.txt");
    std::fs::write(&requirement, pin).map_err(|e| e.to_string())?;
    output(
        Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "-r"])
            .arg(&requirement)
            .arg("--dest")
            .arg(&dir),
    )?;
    let entries = std::fs::read_dir(&dir).map_err(|e| e.to_string())?;
    let file =
        entries.flatten().map(|e| e.path()).find(|p| p.extension().is_some_and(|e| e == "whl")).ok_or("pip left no wheel")?;
    let partial = dir.join("partial");
    output(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&file).arg(&partial))?;
    std::fs::rename(&partial, &unpacked).map_err(|e| e.to_string())?;
    Ok(unpacked)
}

/// The OpenAPI v2 definitions of a minor, in openapi2jsonschema's dialect.
pub fn definitions(root: &Path, work: &Path, minor: u32) -> Result<Value, String> {
    let dir = wheel(root, work, "kubernetes-validate", "1.37.0")?;
    let path = dir.join(format!("kubernetes_validate/kubernetes-json-schema/v1.{minor}.0-local/_definitions.json"));
    let mut whole: Value = serde_json::from_str(&read(&path)?).map_err(|e| e.to_string())?;
    Ok(whole["$defs"].take())
}

/// The resource modules of lightkube-models, in name order.
pub fn lightkube(root: &Path, work: &Path, version: &str) -> Result<Vec<String>, String> {
    let dir = wheel(root, work, "lightkube-models", version)?.join("lightkube/resources");
    let entries = std::fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

/// What reflection over the Go modules of a minor says.
pub fn go_types(root: &Path, work: &Path, minor: u32) -> Result<Value, String> {
    let dir = work.join(format!("prototags-1.{minor}"));
    create(&dir)?;
    let from = root.join("xtask/codegen/prototags");
    std::fs::copy(from.join("main.go"), dir.join("main.go")).map_err(|e| e.to_string())?;
    if !dir.join("go.sum").exists() {
        let module = read(&from.join("go.mod"))?.replace("v0.37.0", &format!("v0.{minor}.0"));
        std::fs::write(dir.join("go.mod"), module).map_err(|e| e.to_string())?;
    }
    let facts = output(Command::new("go").args(["run", "-mod=mod", "."]).current_dir(&dir))?;
    serde_json::from_slice(&facts).map_err(|e| e.to_string())
}
