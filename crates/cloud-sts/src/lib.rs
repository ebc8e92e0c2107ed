//! cloud-sts
