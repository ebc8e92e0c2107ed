//! Speaks to the kernel: namespaces, sockets inside them, cgroups and processes. Knows nothing of Kubernetes or AWS.

pub mod cgroup;
pub mod disk;
pub mod inotify;
pub mod link;
pub mod mounts;
pub mod net;
pub mod netns;
pub mod process;
pub mod unix;
