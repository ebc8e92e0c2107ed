//! What others on the machine can learn: nothing.

use crate::binary::{Home, active, cluster_input, mode};
use crate::kube::Kube;
use crate::sandbox;
use std::fs;

/// Long enough to be no accident when it is found somewhere.
const SECRET_BYTES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn state_is_its_owners_alone() {
    if !sandbox::contained("secrets::state_is_its_owners_alone") {
        return;
    }
    let home = Home::new();
    let port = home.port.to_string();
    // Everything it would ever say is said into its log.
    let started = home.command(&["up", "--port", &port, "--detach"]).env("PILOTHOUSE_LOG", "trace").output().await;
    assert!(started.expect("the program runs").status.success());
    let aws = home.aws();
    let input = cluster_input(&aws, "demo").await;
    aws.ok("eks", "CreateCluster", input).await;
    let cluster = active(&aws, "demo").await;
    let token = aws.cluster_token("demo");
    let kube = Kube::of(&cluster, token.clone());
    let secret = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": "correct-horse-battery-staple"},
    });
    assert_eq!(kube.post("/api/v1/namespaces/default/secrets", secret).await.0, 201);

    assert_eq!(mode(&home.state()), 0o700);
    for path in home.files() {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{}", path.display());
    }

    let state = home.state_dir();
    let keys = state.read_keys().expect("readable").expect("the service's keys");
    let of_pem = |field: &str| keys[field].as_str().and_then(|pem| pem.lines().nth(1)).expect("a key").to_owned();
    let secrets = [
        ("access key", aws.credentials.secret_access_key.clone()),
        ("token", token),
        ("Secret", "correct-horse-battery-staple".to_owned()),
        ("authority's key", of_pem("authorityKey")),
        ("signing key", of_pem("signingKey")),
    ];
    let pid = state.read_info().expect("readable").expect("a service").pid;
    let log = fs::read(state.log()).expect("a log");
    assert!(log.len() > 1000, "the log was to say everything");
    let seen_by_others = [
        ("log", log),
        ("command line", fs::read(format!("/proc/{pid}/cmdline")).expect("a process")),
        ("environment", fs::read(format!("/proc/{pid}/environ")).expect("a process")),
    ];
    for (what, secret) in &secrets {
        assert!(secret.len() >= SECRET_BYTES, "{what}");
        for (place, bytes) in &seen_by_others {
            assert!(!contains(bytes, secret), "the {what} is in the {place}");
        }
    }
    // At rest, what records hold in secret is encrypted; only the administrator's own file has the key in clear.
    for path in home.files().into_iter().filter(|path| path.starts_with(state.store()) && path.is_file()) {
        let bytes = fs::read(&path).expect("a file");
        for (what, secret) in &secrets {
            assert!(!contains(&bytes, secret), "the {what} is in {}", path.display());
        }
    }
    home.ok(&["down", "--purge"]).await;
    assert!(!home.state().exists());
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
