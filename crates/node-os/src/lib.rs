//! Speaks to the kernel: namespaces, sockets inside them, cgroups and processes. Knows nothing of Kubernetes or AWS.

pub mod cgroup;
pub mod disk;
pub mod inotify;
pub mod link;
pub mod mounts;
pub mod net;
mod netfilter;
pub mod netns;
pub mod nft;
pub mod process;
pub mod unix;
