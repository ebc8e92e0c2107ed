use super::{Location, Model, listing, services};

#[test]
fn every_table_opens_and_agrees_with_the_catalog() {
    for service in services() {
        let model = Model::load(service).expect("listed");
        let listed = listing(service).expect("listed");
        assert_eq!((model.service(), model.signing_name(), model.protocol()), (service, listed.signing_name, listed.protocol));
        assert!(model.shapes.is_sorted_by(|a, b| a.name < b.name), "{service}");
        for op in model.operations() {
            let labels =
                model.input(op).into_iter().flat_map(|shape| &shape.members).filter(|m| m.location == Some(Location::Uri));
            let missing = labels.map(|member| member.wire_name()).find(|name| !op.uri.contains(&format!("{{{name}")));
            assert_eq!(missing, None, "{service} {}", op.name);
        }
    }
    assert!(Model::load("nope").is_none());
}

#[test]
fn facts() {
    let eks = Model::load("eks").expect("built in");
    assert_eq!(eks.operations().count(), 70);
    let create = eks.operation("CreateCluster").expect("modelled");
    assert_eq!((create.method.as_str(), create.uri.as_str(), create.status), ("POST", "/clusters", 200));
    let token = eks.input(create).expect("has input").find("clientRequestToken").expect("modelled");
    assert!(token.idempotency_token);
    assert_eq!(eks.error("ResourceInUseException").expect("modelled").error_status, Some(409));
    let active = eks.waiters().iter().find(|waiter| waiter.name == "ClusterActive").expect("modelled");
    assert_eq!((active.operation.as_str(), active.delay, active.max_attempts), ("DescribeCluster", 30, 40));
    assert_eq!(eks.paginator("ListClusters").expect("modelled").limit.as_deref(), Some("maxResults"));
    let sts = Model::load("sts").expect("built in");
    let unsigned: Vec<&str> = sts.operations().filter(|op| op.unsigned).map(|op| op.name.as_str()).collect();
    assert_eq!(unsigned, ["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"]);
    assert_eq!(Model::load("elbv2").expect("built in").signing_name(), "elasticloadbalancing");
}

const NOT_ENFORCED: [&str; 7] = [
    "ec2 SecretArn",
    "efs Path",
    "efs TagKey",
    "iam accountAliasType",
    "ssm InstancePropertyFilterValue",
    "ssm InstancePropertyStringFilterKey",
    "ssm StringDateTime",
];

/// Patterns this engine cannot express are not enforced; the list may only shrink.
#[test]
fn patterns_that_are_not_enforced() {
    let mut found: Vec<String> = Vec::new();
    for model in services().filter_map(Model::load) {
        let patterned = model.shapes.iter().filter(|shape| shape.pattern.is_some() && shape.compiled().is_none());
        found.extend(patterned.map(|shape| format!("{} {}", model.service(), shape.name)));
    }
    assert_eq!(found, NOT_ENFORCED);
}

#[test]
fn a_table_with_a_dangling_number_is_refused() {
    let text = br#"{"service":"x","signingName":"x","endpointPrefix":"x","protocol":"json","apiVersion":"1","shapes":[],
        "operations":[{"name":"A","method":"POST","uri":"/","input":3}]}"#;
    assert_eq!(Model::from_json(text).err().as_deref(), Some("x: no shape number 3"));
}
