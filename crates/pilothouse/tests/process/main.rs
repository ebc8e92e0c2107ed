//! The program as people run it: its commands, its files, and what is left after it was killed.

#[path = "../../../cluster/tests/service/world/aws.rs"]
mod aws;
mod binary;
mod commands;
mod crashes;
#[path = "../../../cluster/tests/service/world/http.rs"]
mod http;
mod images;
#[path = "../../../cluster/tests/service/world/kube.rs"]
mod kube;
mod secrets;
mod simulated;
