//! `pilothouse configure`: a profile in the AWS configuration, beside whatever else is there.

use super::{Failure, io, known};
use crate::cli::Configure;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub fn run(options: &Configure) -> Result<(), Failure> {
    let (state, info, credentials) = known(&options.state.state_dir)?;
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if options.profile.is_empty() || !options.profile.chars().all(valid) {
        return Err(Failure::Other(
            "a profile's name may have letters, digits, '-', '_' and '.'; name another with --profile".into(),
        ));
    }
    let authority = std::path::absolute(state.authority()).unwrap_or_else(|_| state.authority()); // only fails for an empty path
    let section = if options.profile == "default" { "default".to_owned() } else { format!("profile {}", options.profile) };
    let config =
        [("region", info.region.as_str()), ("endpoint_url", &info.endpoint), ("ca_bundle", &authority.to_string_lossy())];
    let keys =
        [("aws_access_key_id", credentials.access_key_id.as_str()), ("aws_secret_access_key", &credentials.secret_access_key)];
    write(&aws_file("AWS_CONFIG_FILE", "config")?, &section, &config)?;
    write(&aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?, &options.profile, &keys)?;
    eprintln!("wrote profile {}; use it with `aws --profile {}` or AWS_PROFILE", options.profile, options.profile);
    Ok(())
}

fn aws_file(variable: &str, name: &str) -> Result<PathBuf, Failure> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let home =
        std::env::var_os("HOME").ok_or_else(|| Failure::Other(format!("HOME is not set; name the file with {variable}")))?;
    Ok(PathBuf::from(home).join(".aws").join(name))
}

fn write(path: &Path, section: &str, values: &[(&str, &str)]) -> Result<(), Failure> {
    let failed = || io(format!("cannot write {}", path.display()));
    let old = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.map_err(failed())?,
    };
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed())?;
    }
    let next = path.with_extension("pilothouse-new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next).map_err(failed())?;
    file.write_all(with_section(&old, section, values).as_bytes()).map_err(failed())?;
    fs::rename(&next, path).map_err(failed())
}

/// The text with one section replaced or added; everything else stays to the letter.
fn with_section(old: &str, section: &str, values: &[(&str, &str)]) -> String {
    let header = format!("[{section}]");
    let mut kept = String::new();
    let mut inside = false;
    for line in old.lines() {
        if line.trim_start().starts_with('[') {
            inside = line.trim() == header;
        }
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    if !kept.is_empty() && !kept.ends_with("\n\n") {
        kept.push('\n');
    }
    kept.push_str(&header);
    kept.push('\n');
    values.iter().for_each(|(key, value)| kept.push_str(&format!("{key} = {value}\n")));
    kept
}

#[cfg(test)]
mod tests {
    use super::with_section;

    #[test]
    fn other_sections_stay_as_they_are() {
        let old = "# mine\n[default]\nregion = eu-west-1\n\n[profile p]\nregion = old\nx = y\n[profile q]\na = b\n";
        let new = with_section(old, "profile p", &[("region", "new")]);
        assert_eq!(new, "# mine\n[default]\nregion = eu-west-1\n\n[profile q]\na = b\n\n[profile p]\nregion = new\n");
        assert_eq!(with_section(&new, "profile p", &[("region", "new")]), new);
        assert_eq!(with_section("", "default", &[("a", "b")]), "[default]\na = b\n");
    }
}
