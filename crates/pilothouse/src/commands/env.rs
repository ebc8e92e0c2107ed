//! `pilothouse env`: exports for a shell.

use super::{Failure, known};
use crate::cli::State;

pub fn run(options: &State) -> Result<(), Failure> {
    let (state, info, credentials) = known(&options.state_dir)?;
    let authority = std::path::absolute(state.authority()).unwrap_or_else(|_| state.authority()); // only fails for an empty path
    for (name, value) in [
        ("AWS_ENDPOINT_URL", info.endpoint.as_str()),
        ("AWS_CA_BUNDLE", &authority.to_string_lossy()),
        ("AWS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ("AWS_DEFAULT_REGION", &info.region),
        ("AWS_REGION", &info.region),
    ] {
        println!("export {name}={}", quoted(value));
    }
    println!("unset AWS_SESSION_TOKEN AWS_PROFILE");
    Ok(())
}

/// In single quotes where the shell would read anything into the value.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if !value.is_empty() && value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn values_survive_the_shell() {
        for (value, expected) in [
            ("https://127.0.0.1:4566", "https://127.0.0.1:4566"),
            ("a b", "'a b'"),
            ("a'b", "'a'\\''b'"),
            ("", "''"),
            ("a+/=", "'a+/='"),
        ] {
            assert_eq!(quoted(value), expected);
        }
    }
}
