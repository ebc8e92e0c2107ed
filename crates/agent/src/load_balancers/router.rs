//! The routers that load balancers live in, kept open between passes.

use crate::vpc::names;
use node_os::net::Dialer;
use node_os::netns::NetNs;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

#[derive(Clone)]
pub struct Router {
    pub namespace: NetNs,
    /// The namespace's number: a router that was made anew has another one.
    pub inode: u64,
    /// For whoever comes from the host.
    pub dialer: Arc<Dialer>,
}

pub struct Routers {
    /// The id of this instance of the service.
    instance: String,
    /// By VPC.
    open: Mutex<HashMap<String, Router>>,
}

impl Routers {
    pub fn new(instance: &str) -> Self {
        Self { instance: instance.to_owned(), open: Mutex::default() }
    }

    /// None: the VPC has none now.
    pub fn find(&self, vpc: &str) -> io::Result<Option<Router>> {
        let mut open = self.open.lock();
        let namespace = match NetNs::named(&names::of(&self.instance, vpc)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                open.remove(vpc);
                return Ok(None);
            }
            other => other?,
        };
        let inode = namespace.inode()?;
        if let Some(same) = open.get(vpc).filter(|router| router.inode == inode) {
            return Ok(Some(same.clone()));
        }
        let router = Router { dialer: Arc::new(Dialer::new(namespace.clone())), namespace, inode };
        open.insert(vpc.to_owned(), router.clone());
        Ok(Some(router))
    }
}
