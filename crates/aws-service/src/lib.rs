//! aws-service
