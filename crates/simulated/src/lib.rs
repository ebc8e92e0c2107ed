//! Simulated nodes: the kubelet over a container runtime in memory, thousands of them in one process.
