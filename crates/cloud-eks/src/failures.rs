//! EKS's errors, with its members and its words.

use aws_wire::{AwsError, Model};

fn modelled(model: &Model, code: &str, cluster: &str, message: impl Into<String>) -> AwsError {
    let error = AwsError::modelled(model, code, message);
    if cluster.is_empty() { error } else { error.with_member("clusterName", cluster) }
}

pub fn invalid_parameter(model: &Model, cluster: &str, message: impl Into<String>) -> AwsError {
    modelled(model, "InvalidParameterException", cluster, message)
}

pub fn invalid_request(model: &Model, cluster: &str, message: impl Into<String>) -> AwsError {
    modelled(model, "InvalidRequestException", cluster, message)
}

pub fn in_use(model: &Model, cluster: &str, message: impl Into<String>) -> AwsError {
    modelled(model, "ResourceInUseException", cluster, message)
}

pub fn not_found(model: &Model, cluster: &str, message: impl Into<String>) -> AwsError {
    modelled(model, "ResourceNotFoundException", cluster, message)
}

pub fn no_cluster(model: &Model, cluster: &str) -> AwsError {
    not_found(model, cluster, format!("No cluster found for name: {cluster}."))
}

pub fn no_entry(model: &Model, cluster: &str) -> AwsError {
    let message =
        "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.";
    not_found(model, cluster, message)
}
