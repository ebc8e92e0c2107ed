//! The commands: what they print, what they write, and what they refuse without a trace.

use crate::binary::{Home, mode};
use crate::http::connect;
use crate::sandbox;
use meta::Doc;
use serde_json::json;
use std::fs;
use std::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_from_up_to_purge() {
    if !sandbox::contained("commands::a_service_from_up_to_purge") {
        return;
    }
    let home = Home::new();
    let port = home.port.to_string();
    let shown = home.ok(&["up", "--port", &port, "--detach"]).await;
    assert!(shown.contains(&format!("ready: https://127.0.0.1:{port}")), "{shown}");
    let status: Doc = serde_json::from_str(&home.ok(&["status", "-o", "json"]).await).expect("JSON");
    assert_eq!(status["endpoint"], format!("https://127.0.0.1:{port}"));
    assert_eq!(
        (&status["account"], &status["region"], &status["clusters"]),
        (&json!("123456789012"), &json!("us-east-1"), &json!([]))
    );
    assert!(home.ok(&["status"]).await.contains("CLUSTER"));
    let exports = home.ok(&["env"]).await;
    for name in ["AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        assert!(exports.contains(&format!("export {name}=")), "{exports}");
    }
    assert!(exports.contains("unset AWS_SESSION_TOKEN AWS_PROFILE"), "{exports}");
    // The same directory, another port: the first keeps it. Another directory, the same port: likewise, without a trace.
    let other = Home::new();
    let refused = home.refusal(&["up", "--port", &other.port.to_string()]).await;
    assert!(refused.contains("in use by another pilothouse") && refused.contains("--state-dir"), "{refused}");
    for detach in [&["up", "--port", &port][..], &["up", "--port", &port, "--detach"]] {
        let refused = other.refusal(detach).await;
        assert!(refused.contains(&format!("port {port} on 127.0.0.1 is in use")) && refused.contains("--port"), "{refused}");
        assert!(!other.state().exists(), "{detach:?} left a state directory behind");
    }
    assert_eq!(home.ok(&["status", "-o", "json"]).await.parse::<Doc>().ok(), Some(status));
    home.ok(&["down"]).await;
    assert!(home.state().exists() && connect(&format!("http://127.0.0.1:{port}")).await.is_err());
    assert!(home.refusal(&["status"]).await.contains("no service"));
    home.ok(&["up", "--port", &port, "--detach"]).await;
    assert_eq!(home.ok(&["env"]).await, exports, "the second start keeps the first one's key and authority");
    home.ok(&["down", "--purge"]).await;
    assert!(!home.state().exists());
    TcpListener::bind(("127.0.0.1", home.port)).expect("the port is free again");
    let left: Vec<_> = fs::read_dir(home.directory.path()).expect("a home").collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// A service that is killed leaves its load balancers' names in the hosts file, which the next command of its takes out.
#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_file_is_left_as_it_was() {
    if !sandbox::contained("commands::the_hosts_file_is_left_as_it_was") {
        return;
    }
    let home = Home::new();
    let (port, hosts) = (home.port.to_string(), home.directory.path().join("hosts"));
    let shown = hosts.to_str().expect("text");
    let own = "127.0.0.1 localhost\n";
    for (start, end) in [(&["--hosts-file", shown][..], &["down"][..]), (&[], &["down", "--purge"])] {
        fs::write(&hosts, own).expect("a hosts file");
        home.ok(&[&["up", "--port", &port, "--detach"], start].concat()).await;
        assert_eq!(fs::read_to_string(&hosts).expect("a hosts file"), own, "there are no load balancers");
        let info = home.state_dir().read_info().expect("a state directory").expect("a service");
        assert_eq!(info.hosts_file.as_deref(), Some(hosts.as_path()), "later starts know it");
        let killed = tokio::process::Command::new("kill").args(["-9", &info.pid.to_string()]).status().await;
        assert!(killed.expect("kill").success());
        let name = "127.64.0.9 web-0123456789abcdef.elb.us-east-1.amazonaws.com";
        let left = format!("{own}# pilothouse {0} begin\n{name}\n# pilothouse {0} end\n", info.instance);
        fs::write(&hosts, left).expect("a hosts file");
        home.ok(end).await;
        assert_eq!(fs::read_to_string(&hosts).expect("a hosts file"), own, "{end:?}");
    }
    home.ok(&["up", "--port", &port, "--detach", "--hosts-file", "none"]).await;
    assert_eq!(home.state_dir().read_info().expect("a state directory").and_then(|info| info.hosts_file), None);
    home.ok(&["down", "--purge"]).await;
}

/// Whatever supervises the service may end it by a signal.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_a_clean_end() {
    if !sandbox::contained("commands::a_signal_is_a_clean_end") {
        return;
    }
    let home = Home::new();
    for signal in ["-TERM", "-INT"] {
        let mut running = home.up().await;
        let sent = tokio::process::Command::new("kill").args([signal, &running.pid().to_string()]).status().await;
        assert!(sent.expect("kill").success() && running.ended().await, "{signal}");
        assert!(!home.state_dir().control_socket().exists(), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service() {
    if !sandbox::contained("commands::without_a_service") {
        return;
    }
    let home = Home::new();
    for command in [&["env"][..], &["configure"], &["status"]] {
        let refused = home.refusal(command).await;
        assert!(refused.contains("no service has been started") && refused.contains("pilothouse up"), "{refused}");
    }
    home.ok(&["down"]).await;
    home.ok(&["down", "--purge"]).await;
    assert!(!home.state().exists());
    fs::create_dir(home.state()).expect("a directory");
    fs::write(home.state().join("precious"), "data").expect("a file");
    assert!(home.refusal(&["down", "--purge"]).await.contains("nothing was removed"));
    assert!(home.state().join("precious").exists());
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.ok(&["completion", shell]).await.contains("pilothouse"), "{shell}");
    }
    for arguments in [&["up", "--account", "12"][..], &["up", "--region", "nowhere"], &["up", "--port", "99999"], &["nothing"]] {
        assert_eq!(home.run(arguments).await.status.code(), Some(2), "{arguments:?}");
    }
}

/// Records are keyed by account and region: a start under others would hide every cluster.
#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_the_first_start_stays() {
    if !sandbox::contained("commands::the_account_of_the_first_start_stays") {
        return;
    }
    let home = Home::new();
    let mut first = home.up().await;
    first.kill().await;
    for other in [["--account", "210987654321"], ["--region", "eu-west-1"]] {
        let refused = home.refusal(&["up", other[0], other[1], "--port", "0"]).await;
        assert!(refused.contains("belongs to account 123456789012 in us-east-1"), "{refused}");
    }
    let again = home.up().await;
    assert_eq!(again.aws.ok("sts", "GetCallerIdentity", json!({})).await["Account"], "123456789012");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_side_by_side() {
    if !sandbox::contained("commands::several_side_by_side") {
        return;
    }
    let homes = [Home::new(), Home::new(), Home::new()];
    let mut running = Vec::new();
    for home in &homes {
        running.push(home.up().await);
    }
    let mut endpoints = Vec::new();
    for one in &running {
        one.create("demo").await;
        endpoints.push(one.active("demo").await["endpoint"].take());
    }
    endpoints.sort_by_key(Doc::to_string);
    endpoints.dedup();
    assert_eq!(endpoints.len(), homes.len(), "every cluster has an address of its own");
    let foreign = running[1].aws.clone();
    let astray = crate::aws::Aws { credentials: foreign.credentials, ..running[0].aws.clone() };
    assert_eq!(astray.refusal("sts", "GetCallerIdentity", json!({})).await, "403 InvalidClientTokenId");
    let (home, mut first) = (&homes[0], running.remove(0));
    home.ok(&["down", "--purge"]).await;
    assert!(first.ended().await && !home.state().exists());
    for one in &running {
        one.active("demo").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_stand_beside_others() {
    if !sandbox::contained("commands::profiles_stand_beside_others") {
        return;
    }
    let home = Home::new();
    let _running = home.up().await;
    let (config, credentials) = (home.directory.path().join("config"), home.directory.path().join("aws/credentials"));
    let mine = "# mine\n[default]\nregion = eu-west-1\n[profile other]\noutput = json\n";
    fs::write(&config, mine).expect("a file");
    let configure = async |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("AWS_CONFIG_FILE", &config).env("AWS_SHARED_CREDENTIALS_FILE", &credentials);
        assert!(command.output().await.expect("the program runs").status.success());
    };
    configure(&["configure"]).await;
    let (written, secret) = (fs::read_to_string(&config).expect("a file"), fs::read_to_string(&credentials).expect("a file"));
    assert!(written.starts_with(mine), "{written}");
    assert!(written.contains("[profile pilothouse]\nregion = us-east-1\nendpoint_url = https://127.0.0.1:"), "{written}");
    let aws = home.aws();
    assert!(secret.contains(&aws.credentials.secret_access_key) && !written.contains(&aws.credentials.secret_access_key));
    assert_eq!(mode(&credentials), 0o600);
    configure(&["configure"]).await;
    assert_eq!(fs::read_to_string(&config).expect("a file"), written, "writing it again changes nothing");
    configure(&["configure", "--profile", "second"]).await;
    assert!(fs::read_to_string(&config).expect("a file").starts_with(&written));
    assert!(!home.directory.path().join(".aws").exists());
    assert!(home.refusal(&["configure", "--profile", "a]b"]).await.contains("--profile"));
}
