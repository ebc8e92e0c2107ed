//! cloud-ec2
