//! `kill -9` at any moment of a load balancer's life: a Service has one afterwards, whole, and none when it is gone.

use crate::aws::Aws;
use crate::binary::{Home, Running};
use crate::crashes::{Moments, killed_during, listens};
use crate::kube::Kube;
use crate::sandbox;
use crate::simulated::{cluster, until};
use http::Method;
use meta::Doc;
use serde_json::json;

const CYCLES: u32 = 8;
/// A load balancer is there, or gone, within about this time.
const SPAN_MS: u64 = 150;
const SERVICES: &str = "/api/v1/namespaces/default/services";
const SERVICE: &str = "/api/v1/namespaces/default/services/page";

/// The service is killed during the request or soon after, and started again.
async fn interrupted(
    home: &Home,
    running: &mut Running,
    moments: &mut Moments,
    method: Method,
    body: Option<Doc>,
) -> (bool, Kube) {
    let kube = cluster(running).await;
    listens(&kube).await;
    let path = if body.is_some() { SERVICES } else { SERVICE };
    let request = async { kube.request(method, path, body).await.is_ok_and(|(status, _)| status < 300) };
    let acknowledged = killed_during(running, moments.next(), request).await;
    *running = home.up().await;
    let kube = cluster(running).await;
    listens(&kube).await;
    (acknowledged, kube)
}

/// What there is of load balancers, and how many interfaces in all.
async fn counted(aws: &Aws) -> [usize; 4] {
    let count = |doc: &Doc| doc.as_array().map_or(0, Vec::len);
    let balancers = aws.ok("elbv2", "DescribeLoadBalancers", json!({})).await["LoadBalancers"].take();
    let groups = aws.ok("elbv2", "DescribeTargetGroups", json!({})).await["TargetGroups"].take();
    let mut listeners = 0;
    for balancer in balancers.as_array().into_iter().flatten() {
        // It may go between the two calls.
        let asked = json!({"LoadBalancerArn": balancer["LoadBalancerArn"]});
        listeners += aws.call("elbv2", "DescribeListeners", asked).await.map_or(0, |found| count(&found["Listeners"]));
    }
    let interfaces = aws.ok("ec2", "DescribeNetworkInterfaces", json!({})).await["NetworkInterfaces"].take();
    [count(&balancers), listeners, count(&groups), count(&interfaces)]
}

async fn until_counted(aws: &Aws, wanted: [usize; 4]) {
    until(&format!("load balancers, listeners, target groups, interfaces: {wanted:?}"), || async {
        (counted(aws).await == wanted).then_some(())
    })
    .await;
}

async fn hostname(kube: &Kube) -> Option<String> {
    let (_, service) = kube.get(SERVICE).await;
    service.pointer("/status/loadBalancer/ingress/0/hostname").and_then(Doc::as_str).map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_has_one_load_balancer_or_none() {
    if !sandbox::inside("balancer_crashes::a_service_has_one_load_balancer_or_none") {
        return;
    }
    let home = Home::new();
    let mut running = home.up_with(&["--hosts-file", "none"]).await;
    running.create("demo").await;
    running.active("demo").await;
    let ports = json!([{"name": "a", "port": 80}, {"name": "b", "port": 81}]);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "page"},
        "spec": {"type": "LoadBalancer", "selector": {"app": "page"}, "ports": ports},
    });
    let before = counted(&running.aws).await;
    let mut moments = Moments::seeded(SPAN_MS);
    for cycle in 0..CYCLES {
        let (acknowledged, kube) = interrupted(&home, &mut running, &mut moments, Method::POST, Some(service.clone())).await;
        if kube.get(SERVICE).await.0 == 404 {
            assert!(!acknowledged, "cycle {cycle}: the Service was acknowledged and is not there");
            assert_eq!(kube.post(SERVICES, service.clone()).await.0, 201);
        }
        until("a hostname", || hostname(&kube)).await;
        // One of two listeners in three subnets.
        until_counted(&running.aws, [1, 2, 2, before[3] + 3]).await;

        let (acknowledged, kube) = interrupted(&home, &mut running, &mut moments, Method::DELETE, None).await;
        if !acknowledged {
            // Whether the request arrived or not, asking again is fine.
            drop(kube.request(Method::DELETE, SERVICE, None).await);
        }
        until("the Service's end", || async { (kube.get(SERVICE).await.0 == 404).then_some(()) }).await;
        until_counted(&running.aws, before).await;
    }
    running.kill().await;
}
