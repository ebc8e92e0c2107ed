//! Speaks to the kernel: namespaces, links, mounts, cgroups and processes.
