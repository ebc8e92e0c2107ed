use super::*;
use crate::authorizer::{Attributes, Authorizer, Decision};
use meta::User;

const ROLE: &str = "arn:aws:iam::123456789012:role/dev/apps/Ops";

fn caller() -> CallerIdentity {
    let arn = "arn:aws:sts::123456789012:assumed-role/Ops/jane@example.com";
    CallerIdentity::new(arn, "123456789012", "AROAOPS:jane@example.com", "ASIAKEY").expect("an identity")
}

fn association(name: &str, scope: AccessScope) -> Association {
    Association { policy_arn: format!("{POLICY_ARN_PREFIX}{name}"), scope }
}

fn namespaces(list: &[&str]) -> AccessScope {
    AccessScope::Namespaces(list.iter().map(|n| (*n).to_owned()).collect())
}

fn index(policies: Vec<Association>) -> AccessIndex {
    let index = AccessIndex::new(Policies::published());
    let username = default_username(ROLE, EntryType::Standard);
    let entry = AccessEntry { principal_arn: ROLE.into(), username, groups: vec!["ops".into()], policies, ..Default::default() };
    index.apply(ROLE, Some(entry));
    index
}

#[test]
fn a_session_becomes_the_user_of_its_role() {
    let user = index(Vec::new()).map(&caller(), |_| None).expect("a user");
    assert_eq!(user.name, "arn:aws:sts::123456789012:assumed-role/Ops/jane-example.com");
    assert_eq!(user.uid, "aws-iam-authenticator:123456789012:AROAOPS");
    assert_eq!(user.groups, ["ops", "system:authenticated"]);
    for (extra, value) in [
        ("accessKeyId", "ASIAKEY"),
        ("arn", "arn:aws:sts::123456789012:assumed-role/Ops/jane@example.com"),
        ("canonicalArn", "arn:aws:iam::123456789012:role/Ops"),
        ("principalId", "AROAOPS"),
        ("sessionName", "jane@example.com"),
        ("sigs.k8s.io/aws-iam-authenticator/principalId", "AROAOPS"),
    ] {
        assert_eq!(user.extra[extra], [value]);
    }
    let stranger =
        CallerIdentity::new("arn:aws:iam::123456789012:user/bob", "123456789012", "AIDABOB", "AKIA").expect("an identity");
    assert_eq!(
        index(Vec::new()).map(&stranger, |_| None).map_err(|e| e.to_string()),
        Err("arn:aws:iam::123456789012:user/bob is not mapped".into())
    );
}

#[test]
fn an_instance_becomes_its_node() {
    let index = AccessIndex::new(Policies::published());
    let role = "arn:aws:iam::123456789012:role/Nodes";
    let username = default_username(role, EntryType::Ec2Linux);
    let entry = AccessEntry { principal_arn: role.into(), kind: EntryType::Ec2Linux, username, ..Default::default() };
    index.apply(role, Some(entry));
    let map = |session: &str| {
        let arn = format!("arn:aws:sts::123456789012:assumed-role/Nodes/{session}");
        let identity = CallerIdentity::new(&arn, "123456789012", &format!("AROAN:{session}"), "ASIA").expect("an identity");
        index.map(&identity, |id| (id == "i-0123456789abcdef0").then(|| "ip-10-0-0-1.ec2.internal".to_owned()))
    };
    let user = map("i-0123456789abcdef0").expect("a node");
    assert_eq!(user.node_name(), Some("ip-10-0-0-1.ec2.internal"));
    assert_eq!(user.groups, ["system:bootstrappers", "system:nodes", "system:authenticated"]);
    for (session, text) in [
        ("jane", "SessionName did not contain an instance id: \"jane\""),
        ("i-0123456789abcdef1", "no such instance: i-0123456789abcdef1"),
    ] {
        assert_eq!(map(session).map_err(|e| e.to_string()), Err(text.into()));
    }
    index.apply(role, None);
    assert!(map("i-0123456789abcdef0").is_err());
}

#[test]
fn policies_hold_in_their_scope() {
    let index = index(vec![
        association("AmazonEKSViewPolicy", AccessScope::Cluster),
        association("AmazonEKSEditPolicy", namespaces(&["web", "dev-*"])),
        association("AmazonEKSNoSuchPolicy", AccessScope::Cluster),
    ]);
    let user = index.map(&caller(), |_| None).expect("a user");
    for (verb, group, resource, namespace, allowed) in [
        ("list", "", "pods", "", true),
        ("get", "", "secrets", "kube-system", false),
        ("get", "", "secrets", "web", true),
        ("create", "apps", "deployments", "web", true),
        ("create", "apps", "deployments", "web2", false),
        ("create", "apps", "deployments", "dev-", true),
        ("create", "apps", "deployments", "dev-a", true),
        ("create", "apps", "deployments", "dev", false),
        ("create", "apps", "deployments", "", false),
        ("list", "", "nodes", "", false),
    ] {
        let attributes = Attributes::resource(&user, verb, group, resource).in_namespace(namespace);
        assert_eq!(index.authorize(&attributes).is_allowed(), allowed, "{verb} {resource} {namespace}");
    }
    assert!(!index.authorize(&Attributes::path(&user, "get", "/metrics")).is_allowed());
    assert!(index.rules_for(&user, "web").incomplete);
    let disguised = User { uid: String::new(), ..user };
    let attributes = Attributes::resource(&disguised, "list", "", "pods");
    assert!(!index.authorize(&attributes).is_allowed(), "an impersonated user has no access policies");
    assert!(!index.rules_for(&disguised, "web").incomplete);
}

#[test]
fn a_cluster_admin_may_do_everything() {
    let admins = index(vec![association("AmazonEKSClusterAdminPolicy", AccessScope::Cluster)]);
    let user = admins.map(&caller(), |_| None).expect("a user");
    assert!(admins.authorize(&Attributes::path(&user, "get", "/metrics")).is_allowed());
    let decision = admins.authorize(&Attributes::resource(&user, "delete", "x.io", "things"));
    let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
    let reason = format!(
        "EKS Access Policy: allowed by ClusterRoleBinding \"arn:aws:iam::123456789012:role/Ops+{policy}\" \
         of ClusterRole \"{policy}\" to User \"AROAOPS\""
    );
    assert_eq!(decision, Decision::allow(&reason));
    let scoped = index(vec![association("AmazonEKSClusterAdminPolicy", namespaces(&["*"]))]);
    assert!(scoped.authorize(&Attributes::resource(&user, "get", "", "secrets").in_namespace("any")).is_allowed());
    assert!(!scoped.authorize(&Attributes::resource(&user, "list", "", "secrets")).is_allowed());
    assert!(!scoped.authorize(&Attributes::path(&user, "get", "/metrics")).is_allowed());
}

#[test]
fn policies_have_names_and_rules() {
    let policies = Policies::published();
    let names: Vec<&str> = policies.all().iter().map(|p| &*p.name).collect();
    assert_eq!(
        names.join(" "),
        "AmazonEKSAdminPolicy AmazonEKSAdminViewPolicy AmazonEKSClusterAdminPolicy AmazonEKSEditPolicy \
         AmazonEKSHybridPolicy AmazonEKSSecretReaderPolicy AmazonEKSViewPolicy"
    );
    assert!(policies.all().iter().all(|p| !p.rules.is_empty() && policies.find(&p.arn()) == Some(p)));
    assert_eq!(policies.find("arn:aws:iam::aws:policy/AmazonEKSViewPolicy"), None);
    assert_eq!(policies.find("arn:aws:eks::aws:cluster-access-policy/Nonsense"), None);
    // What the guide says: similar to the user-facing roles; and never more than those.
    for (name, role) in [("AmazonEKSAdminPolicy", "admin"), ("AmazonEKSEditPolicy", "edit"), ("AmazonEKSViewPolicy", "view")] {
        let policy = policies.find(&format!("{POLICY_ARN_PREFIX}{name}")).expect("a policy");
        let role = crate::bootstrap::cluster_role_rules(role, 36).expect("a role");
        assert_eq!(crate::rbac::covers(&role, &policy.rules), [], "{name}");
    }
}

#[test]
fn arns_and_usernames() {
    for (arn, expected) in [
        ("arn:aws:sts::1:assumed-role/R/s", Some("arn:aws:iam::1:role/R")),
        ("arn:aws-cn:sts::1:assumed-role/R/s", Some("arn:aws-cn:iam::1:role/R")),
        ("arn:aws:iam::1:user/a/b", Some("arn:aws:iam::1:user/a/b")),
        ("arn:aws:iam::1:root", Some("arn:aws:iam::1:root")),
        ("arn:aws:sts::1:assumed-role/R", None),
        ("arn:aws:s3:::bucket", None),
        ("nonsense", None),
    ] {
        assert_eq!(canonical_arn(arn).ok().as_deref(), expected, "{arn}");
    }
    assert!(CallerIdentity::new("arn:aws:iam::1:user/a", "1", "a:b:c", "").is_err());
    for (arn, kind, expected) in [
        ("arn:aws:iam::1:user/p/bob", EntryType::Standard, "arn:aws:iam::1:user/p/bob"),
        (ROLE, EntryType::Standard, "arn:aws:sts::123456789012:assumed-role/Ops/{{SessionName}}"),
        (ROLE, EntryType::Ec2Linux, "system:node:{{EC2PrivateDNSName}}"),
        (ROLE, EntryType::FargateLinux, "system:node:{{SessionName}}"),
    ] {
        assert_eq!(default_username(arn, kind), expected);
    }
    for (username, valid) in [
        ("jane", true),
        ("system:jane", false),
        ("iam:jane", false),
        ("jane{{SessionName}}", false),
        ("ja:ne{{SessionNameRaw}}", true),
        ("jane{{SessionNameRaw}}:", false),
    ] {
        assert_eq!(validate_username(username).is_ok(), valid, "{username}");
    }
    assert!(validate_groups(&["ops".into()]).is_ok() && validate_groups(&["system:masters".into()]).is_err());
    assert!(EntryType::ALL.into_iter().all(|t| EntryType::parse(t.as_str()) == Some(t)) && EntryType::parse("X").is_none());
}

#[test]
fn a_session_name_cannot_smuggle_a_template() {
    let index = AccessIndex::new(Policies::published());
    let entry = AccessEntry { principal_arn: ROLE.into(), username: "a:{{SessionNameRaw}}".into(), ..Default::default() };
    index.apply(ROLE, Some(entry));
    let arn = "arn:aws:sts::123456789012:assumed-role/Ops/{{AccountID}}";
    let identity = CallerIdentity::new(arn, "1", "AROA:{{AccountID}}{{SessionName}}", "").expect("an identity");
    assert_eq!(index.map(&identity, |_| None).expect("a user").name, "a:{{AccountID}}{{SessionName}}");
}
