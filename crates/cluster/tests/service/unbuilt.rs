//! Services whose models are known and of which nothing is built: AWS's own error, and a golden list that only shrinks.

use crate::sandbox;
use crate::world::World;
use aws_wire::Model;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// Those keep lists of their own, beside their crates.
const BUILT: [&str; 5] = ["ec2", "eks", "elbv2", "iam", "sts"];
const REFUSALS: [&str; 3] = ["400 UnsupportedOperation", "400 UnsupportedOperationException", "400 InvalidRequestException"];

fn models() -> impl Iterator<Item = &'static Model> {
    aws_wire::services().filter(|name| !BUILT.contains(name)).filter_map(Model::load)
}

#[test]
fn what_is_not_built_is_listed() {
    let mut listed = BTreeMap::new();
    for model in models() {
        let mut names: Vec<&str> = model.operations().map(|operation| operation.name.as_str()).collect();
        names.sort_unstable();
        listed.insert(model.service(), names);
    }
    let line = |(service, names): (&&str, &Vec<&str>)| names.iter().map(|name| format!("{service} {name}\n")).collect::<String>();
    let text: String = listed.iter().map(line).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/unbuilt-services.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).expect("the golden list can be written");
    }
    let stored = std::fs::read_to_string(&file).expect("the golden list can be read");
    assert!(stored == text, "{} is out of date: run with UPDATE_GOLDEN=1 and see that it has shrunk", file.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_built_is_refused() {
    if !sandbox::contained("unbuilt::what_is_not_built_is_refused") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    for model in models() {
        // A path with a name in it needs the name; one plain operation a service shows the answer.
        let plain = model.operations().filter(|operation| !operation.uri.contains('{'));
        for operation in plain.take(5) {
            let refused = aws.refusal(model.service(), &operation.name, json!({})).await;
            assert!(REFUSALS.contains(&refused.as_str()), "{} {}: {refused}", model.service(), operation.name);
        }
    }
    world.service.stop().await;
}

/// The services that are built answer the others' way for the rest of their operations.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_built_of_a_service_is_refused() {
    if !sandbox::contained("unbuilt::what_is_not_built_of_a_service_is_refused") {
        return;
    }
    let world = World::start().await;
    let aws = world.administrator();
    for service in BUILT {
        let file = format!("{}/../cloud-{service}/unbuilt-operations.txt", env!("CARGO_MANIFEST_DIR"));
        let listed = std::fs::read_to_string(file).expect("a list beside the crate");
        let model = Model::load(service).expect("a built-in model");
        let plain = listed.lines().filter(|name| model.operation(name).is_some_and(|one| !one.uri.contains('{')));
        for name in plain.take(40) {
            let refused = aws.refusal(service, name, json!({})).await;
            assert!(REFUSALS.contains(&refused.as_str()), "{service} {name}: {refused}");
        }
    }
    world.service.stop().await;
}
