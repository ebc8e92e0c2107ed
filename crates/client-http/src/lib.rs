//! The transport to an API server over HTTPS.
