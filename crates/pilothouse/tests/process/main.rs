//! The program as people run it: its commands, its files, and what is left after it was killed.

mod archive;
#[path = "../../../cluster/tests/service/world/aws.rs"]
mod aws;
mod balancer_crashes;
mod binary;
mod commands;
mod crashes;
mod group_crashes;
#[path = "../../../cluster/tests/service/world/http.rs"]
mod http;
mod images;
#[path = "../../../cluster/tests/service/world/kube.rs"]
mod kube;
mod nodes;
#[path = "../../../node-os/tests/sandbox/mod.rs"]
mod sandbox;
mod secrets;
#[path = "../../../simulated/tests/scenarios/seen.rs"]
mod seen;
mod simulated;
#[path = "../../../simulated/tests/scenarios/stage.rs"]
mod stage;
#[path = "../../../simulated/tests/scenarios/stories.rs"]
mod stories;
