//! DescribeInstanceTypes.

use crate::describe::refuse_dry_run;
use crate::filter::{self, FilterRow};
use crate::service::Cx;
use aws_service::paging::{PageRequest, page};
use aws_service::{Outcome, Request};
use aws_wire::{AwsError, InstanceType};
use meta::Doc;
use serde_json::json;
use std::sync::Arc;

const MAX_RESULTS: u64 = 100;

const FILTERS: &[FilterRow] = &[
    ("auto-recovery-supported", "AutoRecoverySupported"),
    ("bare-metal", "BareMetal"),
    ("burstable-performance-supported", "BurstablePerformanceSupported"),
    ("current-generation", "CurrentGeneration"),
    ("ebs-info.ebs-optimized-support", "EbsInfo.EbsOptimizedSupport"),
    ("ebs-info.encryption-support", "EbsInfo.EncryptionSupport"),
    ("ebs-info.nvme-support", "EbsInfo.NvmeSupport"),
    ("free-tier-eligible", "FreeTierEligible"),
    ("hibernation-supported", "HibernationSupported"),
    ("hypervisor", "Hypervisor"),
    ("instance-storage-info.nvme-support", "InstanceStorageInfo.NvmeSupport"),
    ("instance-storage-supported", "InstanceStorageSupported"),
    ("instance-type", "InstanceType"),
    ("memory-info.size-in-mib", "MemoryInfo.SizeInMiB"),
    ("network-info.ena-support", "NetworkInfo.EnaSupport"),
    ("network-info.ipv4-addresses-per-interface", "NetworkInfo.Ipv4AddressesPerInterface"),
    ("network-info.ipv6-supported", "NetworkInfo.Ipv6Supported"),
    ("network-info.maximum-network-interfaces", "NetworkInfo.MaximumNetworkInterfaces"),
    ("network-info.network-performance", "NetworkInfo.NetworkPerformance"),
    ("processor-info.supported-architecture", "ProcessorInfo.SupportedArchitectures.*"),
    ("supported-boot-mode", "SupportedBootModes.*"),
    ("supported-root-device-type", "SupportedRootDeviceTypes.*"),
    ("supported-usage-class", "SupportedUsageClasses.*"),
    ("supported-virtualization-type", "SupportedVirtualizationTypes.*"),
    ("vcpu-info.default-cores", "VCpuInfo.DefaultCores"),
    ("vcpu-info.default-threads-per-core", "VCpuInfo.DefaultThreadsPerCore"),
    ("vcpu-info.default-vcpus", "VCpuInfo.DefaultVCpus"),
];

pub async fn run(_: Arc<Cx>, request: Request) -> Outcome {
    refuse_dry_run(&request)?;
    let named = request.texts("InstanceTypes");
    let types = if named.is_empty() { InstanceType::all().map(|known| known.info).collect() } else { find(&named)? };
    let types = filter::apply(types, &request.input["Filters"], FILTERS)?;
    let limit = request.input["MaxResults"].as_u64().unwrap_or(MAX_RESULTS).min(MAX_RESULTS) as usize;
    let asked = PageRequest { listing: request.operation, token: request.text("NextToken"), limit };
    let page = page(types, &asked, |info| info["InstanceType"].as_str().unwrap_or_default().to_owned())
        .map_err(|_| AwsError::new("InvalidParameterValue", "Invalid value for parameter NextToken"))?;
    let mut output = json!({"InstanceTypes": page.items});
    if let Some(token) = page.next_token {
        output["NextToken"] = token.into();
    }
    Ok(output)
}

fn find(names: &[&str]) -> Result<Vec<Doc>, AwsError> {
    let missing: Vec<&str> = names.iter().filter(|name| InstanceType::find(name).is_none()).copied().collect();
    if missing.is_empty() {
        return Ok(names.iter().filter_map(|name| InstanceType::find(name)).map(|known| known.info).collect());
    }
    let message = format!("The following supplied instance types do not exist: [{}]", missing.join(", "));
    Err(AwsError::new("InvalidInstanceType", message))
}
