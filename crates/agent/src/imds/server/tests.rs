use super::*;
use crate::imds::{Credentials, Interface};
use meta::{SystemClock, Time};
use reconcile::Runtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Sessions;

#[async_trait::async_trait]
impl InstanceCredentials for Sessions {
    async fn issue(&self, role_arn: &str, instance_id: &str) -> Result<Credentials, String> {
        if role_arn.ends_with("refused") {
            return Err("the trust policy does not allow it".into());
        }
        let expiration = Time::parse("2126-01-01T00:00:00Z").expect("a time");
        Ok(Credentials {
            access_key_id: "ASIA1".into(),
            secret_access_key: "secret".into(),
            session_token: format!("of {instance_id}"),
            expiration,
        })
    }
}

fn metadata(role: &str) -> Metadata {
    let primary = Interface {
        id: "eni-1".into(),
        mac: "0e:00:00:00:00:01".into(),
        subnet_cidr: "172.31.0.0/20".into(),
        vpc_cidr: "172.31.0.0/16".into(),
        addresses: vec!["172.31.0.9".into(), "172.31.0.10".into()],
        security_group_ids: vec!["sg-1".into()],
        ..Interface::default()
    };
    Metadata {
        instance_id: "i-1".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        availability_zone: "us-east-1a".into(),
        instance_type: "t3.medium".into(),
        private_dns_name: "ip-172-31-0-9.ec2.internal".into(),
        private_ip: "172.31.0.9".into(),
        role_arn: role.into(),
        profile_arn: "arn:aws:iam::123456789012:instance-profile/p".into(),
        user_data: b"apiVersion: x".to_vec(),
        interfaces: vec![primary],
        ..Metadata::default()
    }
}

async fn serve(metadata: Metadata) -> (std::net::SocketAddr, Runtime) {
    let runtime = Runtime::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let imds = Imds::new(Arc::new(move || Some(metadata.clone())), Arc::new(Sessions), Arc::new(SystemClock)).expect("a service");
    let server = serve::Server { listener, tls: None, plain: true };
    runtime.tasks.spawn(server.run(Arc::new(imds), runtime.tasks.clone(), runtime.stop.clone()));
    (address, runtime)
}

/// Code and body.
async fn ask(address: std::net::SocketAddr, line: &str, headers: &str) -> (u16, String) {
    #[expect(clippy::disallowed_methods, reason = "this test's own listener on loopback")]
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("a reply");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    (head.split(' ').nth(1).expect("a code").parse().expect("a number"), body.to_owned())
}

#[tokio::test]
async fn only_sessions_are_answered() {
    let (address, runtime) = serve(metadata("arn:aws:iam::123456789012:role/path/node")).await;
    let ttl = "x-aws-ec2-metadata-token-ttl-seconds: 60\r\n";
    for (line, headers, code) in [
        ("GET /latest/meta-data/instance-id", "", 401),
        ("GET /latest/meta-data/instance-id", "x-aws-ec2-metadata-token: AAAA\r\n", 401),
        ("PUT /latest/api/token", "", 400),
        ("PUT /latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds: 30000\r\n", 400),
        ("PUT /latest/api/token", &format!("{ttl}x-forwarded-for: 1.2.3.4\r\n"), 403),
        ("POST /latest/api/token", ttl, 405),
        ("PUT /latest/meta-data/instance-id", ttl, 405),
    ] {
        assert_eq!(ask(address, line, headers).await.0, code, "{line} {headers}");
    }
    let (code, token) = ask(address, "PUT /latest/api/token", ttl).await;
    assert_eq!(code, 200);
    let session = format!("x-aws-ec2-metadata-token: {token}\r\n");
    let mac = "/latest/meta-data/network/interfaces/macs/0e:00:00:00:00:01";
    for (path, expected) in [
        ("/", "latest"),
        ("/latest/meta-data/instance-id", "i-1"),
        ("/2021-03-23/meta-data/instance-id", "i-1"),
        ("/latest/meta-data/local-ipv4", "172.31.0.9"),
        ("/latest/meta-data/placement/availability-zone", "us-east-1a"),
        ("/latest/meta-data/mac", "0e:00:00:00:00:01"),
        ("/latest/meta-data/network/interfaces/macs/", "0e:00:00:00:00:01/"),
        (&format!("{mac}/local-ipv4s"), "172.31.0.9\n172.31.0.10"),
        (&format!("{mac}/vpc-ipv4-cidr-blocks"), "172.31.0.0/16"),
        (&format!("{mac}/device-number"), "0"),
        ("/latest/user-data", "apiVersion: x"),
        ("/latest/meta-data/iam/security-credentials/", "node"),
    ] {
        assert_eq!(ask(address, &format!("GET {path}"), &session).await, (200, expected.to_owned()), "{path}");
    }
    for path in
        ["/latest/meta-data/nothing", "/latest/nothing", &format!("{mac}/ipv6s"), "/latest/meta-data/iam/security-credentials/x"]
    {
        assert_eq!(ask(address, &format!("GET {path}"), &session).await.0, 404, "{path}");
    }
    let (_, listing) = ask(address, "GET /latest/meta-data/", &session).await;
    assert!(listing.lines().any(|line| line == "iam/") && listing.lines().any(|line| line == "network/"), "{listing}");
    let (_, credentials) = ask(address, "GET /latest/meta-data/iam/security-credentials/node", &session).await;
    let credentials: serde_json::Value = serde_json::from_str(&credentials).expect("JSON");
    assert_eq!((&credentials["Code"], &credentials["Token"]), (&json!("Success"), &json!("of i-1")));
    let (_, document) = ask(address, "GET /latest/dynamic/instance-identity/document", &session).await;
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!((&document["region"], &document["privateIp"]), (&json!("us-east-1"), &json!("172.31.0.9")));
    runtime.shutdown().await;
}

#[tokio::test]
async fn without_a_role_there_are_no_credentials() {
    for (role, expected) in [("", 404), ("arn:aws:iam::123456789012:role/refused", 200)] {
        let (address, runtime) = serve(metadata(role)).await;
        let (_, token) = ask(address, "PUT /latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds: 60\r\n").await;
        let session = format!("x-aws-ec2-metadata-token: {token}\r\n");
        let path = "GET /latest/meta-data/iam/security-credentials/refused";
        let (code, body) = ask(address, path, &session).await;
        assert_eq!(code, expected, "{role}");
        assert!(!body.contains("Success"), "{body}");
        runtime.shutdown().await;
    }
}
