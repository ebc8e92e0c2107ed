//! Addresses and links of pods, by the rules of the VPC CNI.
