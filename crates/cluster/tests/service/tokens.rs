//! Cluster tokens, and what access entries let their bearers do in Kubernetes.

use crate::sandbox;
use crate::world::aws::Aws;
use crate::world::kube::Kube;
use crate::world::{World, eventually, role_arn, user_arn};
use meta::Doc;
use serde_json::json;

const NAMESPACES: &str = "/api/v1/namespaces";

fn configmaps(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

fn object(kind: &str, name: &str) -> Doc {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
}

fn with_token(kube: &Kube, token: String) -> Kube {
    Kube { token, ..kube.clone() }
}

async fn may_list(kube: &Kube, namespace: &str) -> u16 {
    kube.get(&configmaps(namespace)).await.0
}

async fn may_create(kube: &Kube, namespace: &str, name: &str) -> u16 {
    kube.post(&configmaps(namespace), object("ConfigMap", name)).await.0
}

async fn associate(aws: &Aws, principal: &str, policy: &str, scope: Doc) {
    let policy = format!("arn:aws:eks::aws:cluster-access-policy/{policy}");
    let input = json!({"clusterName": "demo", "principalArn": principal, "policyArn": policy, "accessScope": scope});
    aws.ok("eks", "AssociateAccessPolicy", input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_good_tokens_name_a_user() {
    if !sandbox::contained("tokens::only_good_tokens_name_a_user") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let cluster = world.cluster("demo").await;
    let kube = world.kube(&cluster, &aws);
    let own_host = crate::world::http::host_of(&aws.endpoint).to_owned();
    let wrong_secret = {
        let mut changed = aws.clone();
        changed.credentials.secret_access_key.push('x');
        changed
    };
    let at = |seconds: i64| Aws { time: aws.time.plus_seconds(seconds), ..aws.clone() };
    let other_region = Aws { region: "eu-west-1".into(), ..aws.clone() };
    let good = aws.cluster_token("demo");
    for (what, token, status) in [
        ("good", good.clone(), 200),
        ("global host", aws.token_naming("demo", "sts.amazonaws.com"), 200),
        ("own endpoint", aws.token_naming("demo", &own_host), 200),
        ("another cluster's", aws.cluster_token("other"), 401),
        ("foreign host", aws.token_naming("demo", "sts.example.com"), 401),
        ("another region's host", other_region.cluster_token("demo"), 401),
        ("unknown service", aws.token_naming("demo", "127.0.0.1:1"), 401),
        ("wrong secret", wrong_secret.cluster_token("demo"), 401),
        ("16 minutes old", at(-16 * 60).cluster_token("demo"), 401),
        ("from the future", at(16 * 60).cluster_token("demo"), 401),
        ("cut short", good[..good.len() - 4].to_owned(), 401),
        ("with more", format!("{good}AAAA"), 401),
        ("prefix only", "k8s-aws-v1.".to_owned(), 401),
        ("garbage", "garbage".to_owned(), 401),
    ] {
        let (code, body) = with_token(&kube, token).get(NAMESPACES).await;
        assert_eq!(code, status, "{what}: {body}");
        if status == 401 {
            assert_eq!((&body["kind"], &body["reason"], &body["code"]), (&json!("Status"), &json!("Unauthorized"), &json!(401)));
        }
    }
    // A token that was good and was remembered is refused once its time is over.
    world.clock.advance(16 * 60);
    assert_eq!(with_token(&kube, good).get(NAMESPACES).await.0, 401);
    world.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_decide_who_gets_in() {
    if !sandbox::contained("tokens::entries_decide_who_gets_in") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let cluster = world.cluster("demo").await;
    let admin = world.kube(&cluster, &aws);
    assert_eq!(admin.post(NAMESPACES, object("Namespace", "team-a")).await.0, 201);
    assert_eq!(may_create(&admin, "default", "by-the-creator").await, 201);
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let (_, me) = admin.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", review).await;
    assert_eq!(me["status"]["userInfo"]["username"], user_arn("pilothouse"));
    assert!(!me["status"]["userInfo"]["groups"].to_string().contains("system:masters"), "{me}");

    let session = world.assume(&aws, "viewer", Doc::Null).await;
    let viewer = world.kube(&cluster, &session);
    assert_eq!(may_list(&viewer, "default").await, 401, "no entry: nobody");
    let entry = json!({"clusterName": "demo", "principalArn": role_arn("viewer")});
    aws.ok("eks", "CreateAccessEntry", entry.clone()).await;
    eventually(403, || may_list(&viewer, "default")).await;

    associate(&aws, &role_arn("viewer"), "AmazonEKSViewPolicy", json!({"type": "cluster"})).await;
    eventually(200, || may_list(&viewer, "default")).await;
    assert_eq!(may_create(&viewer, "default", "by-the-viewer").await, 403);
    assert_eq!(viewer.get("/api/v1/namespaces/default/secrets").await.0, 403);

    associate(&aws, &role_arn("viewer"), "AmazonEKSViewPolicy", json!({"type": "namespace", "namespaces": ["team-*"]})).await;
    eventually(403, || may_list(&viewer, "default")).await;
    assert_eq!(may_list(&viewer, "team-a").await, 200);
    assert_eq!(viewer.get("/api/v1/configmaps").await.0, 403);
    assert_eq!(viewer.get("/api/v1/nodes").await.0, 403);
    associate(&aws, &role_arn("viewer"), "AmazonEKSEditPolicy", json!({"type": "namespace", "namespaces": ["team-a"]})).await;
    eventually(201, || may_create(&viewer, "team-a", "by-the-viewer")).await;
    assert_eq!(may_create(&viewer, "default", "by-the-viewer").await, 403);

    aws.ok("eks", "DeleteAccessEntry", entry).await;
    eventually(401, || may_list(&viewer, "team-a")).await;
    world.service.stop().await;
}

/// Groups of an entry are subjects for RBAC; deleting the creator's entry locks the creator out, as in EKS.
#[tokio::test(flavor = "multi_thread")]
async fn groups_and_the_creators_own_entry() {
    if !sandbox::contained("tokens::groups_and_the_creators_own_entry") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    let cluster = world.cluster("demo").await;
    let admin = world.kube(&cluster, &aws);
    let carol = world.user("carol", Doc::Null).await;
    let kube = world.kube(&cluster, &carol);
    let entry = json!({"clusterName": "demo", "principalArn": user_arn("carol"), "kubernetesGroups": ["readers"]});
    aws.ok("eks", "CreateAccessEntry", entry).await;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "readers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "readers"}],
    });
    assert_eq!(admin.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding).await.0, 201);
    eventually(200, || may_list(&kube, "default")).await;
    assert_eq!(may_create(&kube, "default", "no").await, 403);
    let own = json!({"clusterName": "demo", "principalArn": user_arn("pilothouse")});
    aws.ok("eks", "DeleteAccessEntry", own.clone()).await;
    eventually(401, || may_list(&admin, "default")).await;
    let world = world.restart().await;
    assert_eq!(world.administrator().refusal("eks", "DescribeAccessEntry", own).await, "404 ResourceNotFoundException");
    world.service.stop().await;
}
