use super::*;
use Decision::{Allow, ExplicitDeny, ImplicitDeny};

const CLUSTER: &str = "arn:aws:eks:us-east-1:1:cluster/demo";

fn document(statements: &str) -> PolicyDocument {
    PolicyDocument::parse_identity(&format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)).expect(statements)
}

#[test]
fn decisions() {
    let context = Context::default().with("aws:username", "demo");
    for (statements, action, resource, expected) in [
        (r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#, "eks:CreateCluster", "*", Allow),
        (r#"{"Effect":"Allow","Action":"eks:Describe*","Resource":"*"}"#, "eks:DescribeCluster", CLUSTER, Allow),
        (r#"{"Effect":"Allow","Action":"EKS:describecluster","Resource":"*"}"#, "eks:DescribeCluster", CLUSTER, Allow),
        (r#"{"Effect":"Allow","Action":"eks:Describe*","Resource":"*"}"#, "eks:DeleteCluster", CLUSTER, ImplicitDeny),
        (r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#, "eks:DeleteCluster", CLUSTER, Allow),
        (r#"{"Effect":"Allow","NotAction":"eks:*","Resource":"*"}"#, "eks:DeleteCluster", CLUSTER, ImplicitDeny),
        (
            r#"[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"eks:Delete*","Resource":"*"}]"#,
            "eks:DeleteCluster",
            CLUSTER,
            ExplicitDeny,
        ),
        (
            r#"{"Effect":"Allow","Action":"eks:*","Resource":"arn:aws:eks:*:*:cluster/${aws:username}"}"#,
            "eks:DeleteCluster",
            CLUSTER,
            Allow,
        ),
        (
            r#"{"Effect":"Allow","Action":"eks:*","NotResource":"arn:aws:eks:*:*:cluster/demo"}"#,
            "eks:DeleteCluster",
            CLUSTER,
            ImplicitDeny,
        ),
        (
            r#"{"Effect":"Allow","Action":"eks:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"eve"}}}"#,
            "eks:DeleteCluster",
            CLUSTER,
            ImplicitDeny,
        ),
        ("[{\"Effect\":\"Allow\",\"Action\":[\"ec2:*\"],\"Resource\":[\"*\"]}]", "eks:ListClusters", "*", ImplicitDeny),
    ] {
        let query = Query { action, resource, context: &context };
        assert_eq!(decide([&document(statements)], &query), expected, "{statements} {action}");
    }
}

#[test]
fn a_session_policy_only_takes_away() {
    let context = Context::default();
    let all = || vec![document(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#)];
    let lists = || vec![document(r#"{"Effect":"Allow","Action":"eks:List*","Resource":"*"}"#)];
    let denies = || vec![document(r#"{"Effect":"Deny","Action":"eks:List*","Resource":"*"}"#)];
    for (identity, session, action, expected) in [
        (all(), lists(), "eks:ListClusters", Allow),
        (all(), lists(), "eks:DeleteCluster", ImplicitDeny),
        (lists(), all(), "eks:DeleteCluster", ImplicitDeny),
        (all(), denies(), "eks:ListClusters", ExplicitDeny),
        (vec![], denies(), "eks:ListClusters", ExplicitDeny),
        (vec![], vec![], "eks:ListClusters", ImplicitDeny),
    ] {
        let set = PolicySet { identity, session };
        assert_eq!(set.decide(&Query { action, resource: "*", context: &context }), expected, "{action}");
    }
}

#[test]
fn trust_policies() {
    let context = Context::default();
    let query = Query { action: "sts:AssumeRole", resource: "", context: &context };
    let session_arn = Some("arn:aws:sts::1:assumed-role/ops/s");
    let user = PrincipalFacts { account: "1", arn: "arn:aws:iam::1:user/alice", session_arn: None };
    let role = PrincipalFacts { account: "1", arn: "arn:aws:iam::1:role/ops", session_arn };
    for (principal, facts, expected) in [
        (r#""*""#, user, Trust::Account),
        (r#"{"AWS":"1"}"#, user, Trust::Account),
        (r#"{"AWS":"arn:aws:iam::1:root"}"#, user, Trust::Account),
        (r#"{"AWS":"arn:aws:iam::2:root"}"#, user, Trust::Refused),
        (r#"{"AWS":["arn:aws:iam::2:root","arn:aws:iam::1:user/alice"]}"#, user, Trust::Named),
        (r#"{"AWS":"arn:aws:iam::1:role/ops"}"#, role, Trust::Named),
        (r#"{"AWS":"arn:aws:sts::1:assumed-role/ops/s"}"#, role, Trust::Named),
        (r#"{"Service":"eks.amazonaws.com"}"#, user, Trust::Refused),
    ] {
        let text = format!(r#"{{"Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{principal}}}}}"#);
        let document = PolicyDocument::parse_trust(&text).expect("a valid trust policy");
        assert_eq!(trust(&document, &facts, &query), expected, "{principal}");
        assert_eq!(document.trusts_service("eks.amazonaws.com"), principal.contains("eks.amazonaws.com"), "{principal}");
    }
}
