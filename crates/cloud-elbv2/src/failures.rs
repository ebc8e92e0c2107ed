//! ELB's errors, in its words.

use aws_wire::AwsError;

pub fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", message)
}

pub fn configuration(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidConfigurationRequest", message)
}

/// What ELB has and this installation of it has not.
pub fn unsupported(what: &str) -> AwsError {
    AwsError::new("OperationNotPermitted", format!("{what} is not supported by this installation of Elastic Load Balancing."))
}

pub fn no_load_balancer() -> AwsError {
    AwsError::new("LoadBalancerNotFound", "One or more load balancers not found")
}

pub fn no_listener() -> AwsError {
    AwsError::new("ListenerNotFound", "One or more listeners not found")
}

pub fn no_target_group() -> AwsError {
    AwsError::new("TargetGroupNotFound", "One or more target groups not found")
}

pub fn invalid_target(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidTarget", message)
}
