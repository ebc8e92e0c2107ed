//! What a router serves: the resolver at base + 2 and the AWS endpoint at base + 3.

use super::records::{AWS_OFFSET, DNS_OFFSET, Wanted, addresses, after};
use crate::dns::{Names, SharedZone, Zone, serve};
use meta::Doc;
use node_os::netns::NetNs;
use parking_lot::{Mutex, RwLock};
use reconcile::Runtime;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

const DNS_PORT: u16 = 53;
const HTTPS_PORT: u16 = 443;

/// What is served inside every VPC; handed in by the composition.
pub trait VpcServices: Send + Sync + 'static {
    /// Serves the AWS endpoint over TLS on `listener`, which is bound to `address`, until the runtime stops.
    fn serve(&self, vpc: &str, address: Ipv4Addr, listener: TcpListener, runtime: &Runtime) -> Result<(), String>;
}

struct Served {
    /// The number of the namespace: a router that was made anew has to be served anew.
    inode: u64,
    zone: SharedZone,
    runtime: Runtime,
}

/// By VPC.
pub struct Serving {
    services: Arc<dyn VpcServices>,
    runtime: Runtime,
    served: Mutex<HashMap<String, Served>>,
    /// Of load balancers, by VPC: told by who makes them, whether or not the resolver runs yet.
    names: Mutex<HashMap<String, Names>>,
}

impl Serving {
    pub fn new(services: Arc<dyn VpcServices>, runtime: &Runtime) -> Self {
        Self { services, runtime: runtime.clone(), served: Mutex::default(), names: Mutex::default() }
    }

    /// Starts what does not run, and tells the resolver what there is now.
    pub fn ensure(&self, vpc: &str, router: &NetNs, wanted: &Wanted, mut zone: Zone) -> io::Result<()> {
        let Some(cidr) = wanted.cidr else { return Ok(()) };
        let inode = router.inode()?;
        let mut served = self.served.lock();
        zone.load_balancers = self.names.lock().get(vpc).cloned().unwrap_or_default();
        if let Some(running) = served.get(vpc) {
            if running.inode == inode {
                *running.zone.write() = zone;
                return Ok(());
            }
            running.runtime.stop.cancel();
            served.remove(vpc);
        }
        let (runtime, zone) = (self.runtime.child(), Arc::new(RwLock::new(zone)));
        let started = self.start(vpc, router, [after(cidr, DNS_OFFSET), after(cidr, AWS_OFFSET)], &zone, &runtime);
        if started.is_err() {
            runtime.stop.cancel();
            return started;
        }
        served.insert(vpc.to_owned(), Served { inode, zone, runtime });
        Ok(())
    }

    fn start(&self, vpc: &str, router: &NetNs, at: [Ipv4Addr; 2], zone: &SharedZone, runtime: &Runtime) -> io::Result<()> {
        let [dns, aws] = at;
        let resolver = SocketAddr::from((dns, DNS_PORT));
        serve(router.bind_udp(resolver)?, router.listen_tcp(resolver)?, zone, runtime);
        let listener = router.listen_tcp(SocketAddr::from((aws, HTTPS_PORT)))?;
        self.services.serve(vpc, aws, listener, runtime).map_err(io::Error::other)
    }

    /// From now on these are the names of the VPC's load balancers.
    pub fn name_load_balancers(&self, vpc: &str, names: Names) {
        // In the order of `ensure`: one of the two writes last, and it knows both.
        let served = self.served.lock();
        if let Some(running) = served.get(vpc) {
            running.zone.write().load_balancers.clone_from(&names);
        }
        self.names.lock().insert(vpc.to_owned(), names);
    }

    pub fn stop(&self, vpc: &str) {
        if let Some(served) = self.served.lock().remove(vpc) {
            served.runtime.stop.cancel();
        }
    }
}

/// What the resolver of the VPC knows: every interface's primary address, whichever host it is on.
pub fn zone(region: &str, wanted: &Wanted, interfaces: &[Doc]) -> Zone {
    let hosts = interfaces.iter().filter_map(addresses).map(|(primary, _)| primary).collect();
    let aws_endpoint = wanted.cidr.map(|cidr| after(cidr, AWS_OFFSET));
    Zone { region: region.to_owned(), hosts, aws_endpoint, load_balancers: Names::new() }
}
