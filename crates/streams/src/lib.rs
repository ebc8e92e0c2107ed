//! Multiplexed streams of exec, attach and port-forward: WebSocket and SPDY/3.1.
