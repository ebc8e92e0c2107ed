use std::sync::Arc;
#[tokio::main]
async fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let minor: u32 = std::env::args().nth(2).map_or(36, |m| m.parse().unwrap());
    tracing_subscriber::fmt().with_env_filter("debug,hyper=info,h2=info,rustls=info").with_writer(std::io::stderr).init();
    let t = std::time::Instant::now();
    let backend = Arc::new(storage::backend::Disk::new(format!("{dir}/store")).unwrap());
    let engine = storage::Engine::open(backend, &storage::Keyring::file("keyring"), storage::EngineOptions::default()).unwrap();
    let store = engine.cluster("c1").await.unwrap();
    let clock: meta::time::SharedClock = Arc::new(meta::SystemClock);
    eprintln!("store {:?}", t.elapsed());
    let keyfile = format!("{dir}/keys.json");
    let keys = match std::fs::read(&keyfile) {
        Ok(b) => cluster::Keys::from_doc(&serde_json::from_slice(&b).unwrap()).unwrap(),
        Err(_) => { let k = cluster::Keys::new(auth::service_account::SigningKey::generate().unwrap(), clock.now()).unwrap(); std::fs::write(&keyfile, k.to_doc().unwrap().to_string()).unwrap(); k }
    };
    eprintln!("keys {:?}", t.elapsed());
    let published = apiserver::Published::new(api::Catalog::new(minor).unwrap()).unwrap();
    eprintln!("published {:?}", t.elapsed());
    let cp = cluster::ControlPlane::start(cluster::Plan { name: "c1".into(), published, store, service_cidr: Some("10.100.0.0/16".parse().unwrap()), issuer: "https://oidc.example".into(), access: Arc::new(auth::access::AccessIndex::new(auth::access::Policies::published())), caller_verifier: None, clock: clock.clone() }, &keys).await.unwrap();
    eprintln!("started {:?}", t.elapsed());
    let l = tokio::net::TcpListener::bind("127.0.0.1:16443").await.unwrap();
    cp.listen(l, &["127.0.0.1".into()], &keys, &clock).unwrap();
    let id = keys.authority.issue(&auth::pki::Leaf::client("kubernetes-admin", &["system:masters"]), clock.now()).unwrap();
    use base64::Engine as _;
    let b = |s: &str| base64::engine::general_purpose::STANDARD.encode(s);
    let kc = serde_json::json!({"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:16443","certificate-authority-data":b(keys.authority.certificate_pem())}}],"users":[{"name":"u","user":{"client-certificate-data":b(&id.certificate_pem),"client-key-data":b(&id.key.to_pem())}}],"contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],"current-context":"x"});
    std::fs::write(format!("{dir}/kubeconfig"), kc.to_string()).unwrap();
    eprintln!("ready {:?}", t.elapsed());
    tokio::signal::ctrl_c().await.unwrap();
    cp.stop().await;
}
