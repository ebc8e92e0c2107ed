//! Makes Services reachable from one node: nftables by netlink, changed as little as the change demands.
