//! cloud-eks
