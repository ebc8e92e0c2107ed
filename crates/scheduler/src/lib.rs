//! Binds pods to nodes: a framework of plugins over an incremental snapshot.
