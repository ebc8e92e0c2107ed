//! What EC2's instance types are, as DescribeInstanceTypes tells it, and what EKS derives from that.
//!
//! The table is generated (`codegen instances`): a line per family, unpacked when one of its types is asked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;

const TABLE: &str = include_str!("../models/instance-types.txt");

/// An instance type by EC2's own description.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceType {
    /// `InstanceTypeInfo` of EC2's model.
    pub info: Value,
}

impl InstanceType {
    /// `None` for a type there is not.
    pub fn find(name: &str) -> Option<Self> {
        let (family, _) = name.split_once('.')?;
        let packed = lines().find(|(known, _)| *known == family)?.1;
        members(packed).into_iter().map(|info| Self { info }).find(|known| known.name() == name)
    }

    /// Every type, by families. Unpacks one family at a time.
    pub fn all() -> impl Iterator<Item = Self> {
        lines().flat_map(|(_, packed)| members(packed)).map(|info| Self { info })
    }

    pub fn name(&self) -> &str {
        self.info["InstanceType"].as_str().unwrap_or_default()
    }

    /// `x86_64` rather than an older one that it also runs.
    pub fn architecture(&self) -> &str {
        let known = self.info["ProcessorInfo"]["SupportedArchitectures"].as_array().into_iter().flatten();
        let known: Vec<&str> = known.filter_map(Value::as_str).collect();
        known.iter().find(|name| matches!(**name, "x86_64" | "arm64")).or(known.first()).copied().unwrap_or_default()
    }

    pub fn vcpus(&self) -> u64 {
        self.info["VCpuInfo"]["DefaultVCpus"].as_u64().unwrap_or(1)
    }

    pub fn memory_mib(&self) -> u64 {
        self.info["MemoryInfo"]["SizeInMiB"].as_u64().unwrap_or_default()
    }

    /// Of the default network card, which is the one that the VPC CNI uses.
    pub fn max_network_interfaces(&self) -> u64 {
        let network = &self.info["NetworkInfo"];
        let card = network["DefaultNetworkCardIndex"].as_u64().unwrap_or(0);
        let cards = network["NetworkCards"].as_array().into_iter().flatten();
        let own = cards.filter(|known| known["NetworkCardIndex"].as_u64() == Some(card));
        let own = own.filter_map(|known| known["MaximumNetworkInterfaces"].as_u64()).next();
        own.or(network["MaximumNetworkInterfaces"].as_u64()).unwrap_or(1)
    }

    pub fn addresses_per_interface(&self) -> u64 {
        self.info["NetworkInfo"]["Ipv4AddressesPerInterface"].as_u64().unwrap_or(1)
    }

    /// The VPC CNI's limit: each interface keeps one address for itself, and two pods of a node use the host's network.
    /// t3.medium: 3 * (6 - 1) + 2 = 17.
    pub fn max_pods(&self) -> u64 {
        self.max_network_interfaces() * self.addresses_per_interface().saturating_sub(1) + 2
    }

    pub fn has_accelerator(&self) -> bool {
        ["GpuInfo", "FpgaInfo", "InferenceAcceleratorInfo", "NeuronInfo", "MediaAcceleratorInfo"]
            .iter()
            .any(|member| !self.info[member].is_null())
    }
}

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(|line| line.split_once(' '))
}

/// The table is part of the program, and a test unpacks all of it.
fn members(packed: &str) -> Vec<Value> {
    let Ok(bytes) = STANDARD.decode(packed) else { return Vec::new() };
    let mut text = String::new();
    match GzDecoder::new(&bytes[..]).read_to_string(&mut text) {
        Ok(_) => serde_json::from_str(&text).unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Model, check_output};
    use serde_json::json;

    #[test]
    fn every_type_is_one_that_ec2_can_describe() {
        let model = Model::load("ec2").expect("a built-in model");
        let operation = model.operation("DescribeInstanceTypes").expect("modelled");
        let all: Vec<Value> = InstanceType::all().map(|known| known.info).collect();
        assert!(all.len() > 1000, "{}", all.len());
        assert_eq!(check_output(model, operation, &json!({"InstanceTypes": all})), Ok(()));
    }

    /// As awslabs/amazon-eks-ami's table has it.
    #[test]
    fn pods_per_node() {
        for (name, interfaces, addresses, pods) in [
            ("t3.micro", 2, 2, 4),
            ("t3.small", 3, 4, 11),
            ("t3.medium", 3, 6, 17),
            ("t3.large", 3, 12, 35),
            ("m5.large", 3, 10, 29),
            ("m5.xlarge", 4, 15, 58),
            ("m5.24xlarge", 15, 50, 737),
            ("m7g.medium", 2, 4, 8),
            ("p5.48xlarge", 2, 50, 100),
        ] {
            let known = InstanceType::find(name).expect(name);
            let facts = (known.max_network_interfaces(), known.addresses_per_interface(), known.max_pods());
            assert_eq!(facts, (interfaces, addresses, pods), "{name}");
        }
        let medium = InstanceType::find("t3.medium").expect("a type");
        assert_eq!((medium.vcpus(), medium.memory_mib(), medium.architecture()), (2, 4096, "x86_64"));
        assert_eq!(InstanceType::find("m7g.large").expect("a type").architecture(), "arm64");
        assert!(InstanceType::find("g4dn.xlarge").expect("a type").has_accelerator());
        for name in ["t9.gigantic", "t3", "", "t3.", ".medium"] {
            assert_eq!(InstanceType::find(name), None, "{name}");
        }
    }
}
