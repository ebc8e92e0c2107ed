//! Connections through a load balancer that end because their target is not well any more.

use super::*;
use std::time::Duration;

const GROUP: &str = "dddddddddddddddd";
const PORT: u16 = 90;
/// Where targets say whether they are well.
const HEALTH_PORT: u16 = 30081;

/// Echoes what it is told, on connections that stay.
fn echo(name: &'static str) -> JoinSet<()> {
    let listener = named(name).listen_tcp((Ipv4Addr::UNSPECIFIED, NODE_PORT).into()).expect("a listener");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            open.spawn(async move {
                let (mut reading, mut writing) = stream.split();
                // Whether it ends in order is what the client looks at.
                drop(tokio::io::copy(&mut reading, &mut writing).await);
            });
        }
    });
    tasks
}

async fn echoed(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"x").await?;
    let said = tokio::time::timeout(Duration::from_secs(5), stream.read_u8()).await;
    said.expect("an answer or an end, in time").map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_end_with_their_targets_health() {
    if !sandbox::inside("balancing::endings::connections_end_with_their_targets_health") {
        return;
    }
    let world = World::start().await;
    let agent = world.agent();
    records(&world).await;
    let _echoes = [echo("i-1"), echo("i-2")];
    let health = ["i-1", "i-2"].map(|name| {
        let listener = named(name).listen_tcp((Ipv4Addr::UNSPECIFIED, HEALTH_PORT).into());
        listener.expect("a listener")
    });
    load_balancer(&world, &[('a', INTERFACE, AT)]).await;
    target_group(&world, GROUP, "ip", "TCP", &["172.31.0.10", "172.31.16.10"], json!({})).await;
    world.change(TARGET_GROUPS, GROUP, json!({"healthCheck": {"port": HEALTH_PORT.to_string()}})).await;
    listener(&world, PORT, "TCP", GROUP).await;
    realised(&world).await;
    world.until(TARGET_GROUPS, GROUP, |doc| states(doc) == ["healthy", "healthy"]).await;
    let (client, router) = (control_plane(), named("vpc-1"));
    let led_to_second = || counted(&router, &format!("target-{GROUP}/172.31.16.10/"));
    let (mut first, mut second) = (None, None);
    while first.is_none() || second.is_none() {
        let before = led_to_second();
        let mut stream = client.connect_tcp((AT, PORT).into()).await.expect("connected");
        echoed(&mut stream).await.expect("it is there");
        let place = if led_to_second() > before { &mut second } else { &mut first };
        *place = Some(stream);
    }
    let (mut first, mut second) = (first.expect("one to each"), second.expect("one to each"));
    let [_first_is_well, second_is_well] = health;
    drop(second_is_well);
    world.until(TARGET_GROUPS, GROUP, |doc| states(doc) == ["healthy", "unhealthy"]).await;
    let ended = echoed(&mut second).await.expect_err("its target is not well");
    assert_eq!(ended.kind(), std::io::ErrorKind::ConnectionReset);
    echoed(&mut first).await.expect("its target is well");
    agent.stop().await;
    world.stop().await;
}
