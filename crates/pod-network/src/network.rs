//! The pod network of a node: gives sandboxes addresses and links, and takes them back.

use crate::checkpoint::Checkpoint;
use crate::pool::{Growth, Ledger, Place, Pool};
use crate::source::{AddressSource, Interface, Limits, SourceError};
use crate::wiring::{Wiring, link_name};
use node_os::netns::NetNs;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long an interface that EC2 calls attached may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Config {
    /// The node's.
    pub namespace: NetNs,
    /// The file that remembers who has which address. Its directory exists.
    pub checkpoint: PathBuf,
    pub limits: Limits,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// In the VPC CNI's words.
    #[error("failed to assign an IP address to container: {0}")]
    NoAddress(String),
    #[error("the pod's network: {0}")]
    Io(#[from] io::Error),
}

pub struct PodNetwork {
    source: Arc<dyn AddressSource>,
    limits: Limits,
    wiring: Wiring,
    checkpoint: Checkpoint,
    /// Locked while more addresses are asked for: whoever waits needs them too.
    pool: Mutex<Pool>,
}

impl PodNetwork {
    /// Takes up what an earlier process left; asks nobody. To be called within a tokio runtime.
    pub fn open(config: Config, source: Arc<dyn AddressSource>) -> io::Result<Self> {
        let checkpoint = Checkpoint::new(config.checkpoint);
        let pool = Mutex::new(Pool::new(checkpoint.read()?));
        let wiring = Wiring::open(&config.namespace)?;
        Ok(Self { source, limits: config.limits, wiring, checkpoint, pool })
    }

    /// Learns the node's interfaces and fills the first ones with addresses, so that pods need not wait for them.
    pub async fn warm(&self) -> Result<(), Error> {
        let mut pool = self.pool.lock().await;
        let interfaces = self.source.interfaces().await.map_err(no_address)?;
        pool.set_interfaces(interfaces);
        if let Growth::Assign { .. } = pool.growth(self.limits) {
            self.grow(&mut pool).await?;
        }
        self.save(pool.ledger().clone()).await?;
        Ok(())
    }

    /// Gives the sandbox an address and its namespace the link `eth0`. Repeating it changes nothing.
    pub async fn attach(&self, sandbox: &str, namespace: &NetNs) -> Result<Ipv4Addr, Error> {
        let (place, interface) = self.reserve(sandbox).await?;
        self.wiring.wire(sandbox, &place, &interface, namespace).await?;
        Ok(place.address)
    }

    /// Takes link and address back. Nothing to take back is success.
    pub async fn detach(&self, sandbox: &str) -> Result<(), Error> {
        let Some(place) = self.place(sandbox).await else { return Ok(()) };
        self.wiring.unwire(sandbox, place.address).await?;
        let mut pool = self.pool.lock().await;
        pool.release(sandbox);
        self.save(pool.ledger().clone()).await?;
        Ok(())
    }

    pub async fn address(&self, sandbox: &str) -> Option<Ipv4Addr> {
        self.place(sandbox).await.map(|place| place.address)
    }

    /// After a restart: mends the routes of the sandboxes that live, and takes back what the others had.
    pub async fn adopt(&self, living: &BTreeSet<String>) -> Result<(), Error> {
        let known: BTreeMap<String, Place> = self.pool.lock().await.ledger().sandboxes.clone();
        for sandbox in known.keys().filter(|sandbox| !living.contains(*sandbox)) {
            self.detach(sandbox).await?;
        }
        let present: BTreeSet<String> = self.wiring.present().await?.into_iter().collect();
        let mut own = BTreeSet::new();
        for (sandbox, place) in known.iter().filter(|(sandbox, _)| living.contains(*sandbox)) {
            let name = link_name(sandbox);
            if let (true, Some(interface)) = (present.contains(&name), self.interface(place.device_index).await) {
                self.wiring.route(&name, place, &interface).await?;
            }
            own.insert(name);
        }
        for stray in present.difference(&own) {
            self.wiring.remove(stray).await?;
        }
        Ok(())
    }

    async fn place(&self, sandbox: &str) -> Option<Place> {
        self.pool.lock().await.ledger().sandboxes.get(sandbox).cloned()
    }

    async fn interface(&self, device_index: u32) -> Option<Interface> {
        self.pool.lock().await.interface(device_index).cloned()
    }

    /// On disk before anything is made of it: no crash lets two pods have one address.
    async fn reserve(&self, sandbox: &str) -> Result<(Place, Interface), Error> {
        let mut pool = self.pool.lock().await;
        if pool.ledger().interfaces.is_empty() {
            pool.set_interfaces(self.source.interfaces().await.map_err(no_address)?);
        }
        if !pool.ledger().sandboxes.contains_key(sandbox) && pool.is_exhausted() {
            self.grow(&mut pool).await?;
        }
        let place = pool.assign(sandbox).ok_or_else(|| Error::NoAddress("no address became free".into()))?;
        let gone = || Error::NoAddress(format!("interface {} of {} is gone", place.device_index, place.address));
        let interface = pool.interface(place.device_index).cloned().ok_or_else(gone)?;
        self.save(pool.ledger().clone()).await?;
        Ok((place, interface))
    }

    async fn grow(&self, pool: &mut Pool) -> Result<(), Error> {
        match pool.growth(self.limits) {
            Growth::Assign { interface, count } => {
                let addresses = self.assign(&interface, count).await.map_err(no_address)?;
                pool.add_addresses(&interface, addresses);
            }
            Growth::Attach { device_index, count } => {
                let interface = self.source.attach_interface(device_index, count).await.map_err(no_address)?;
                let attached = tokio::time::timeout(PATIENCE, self.wiring.attached(&interface)).await;
                attached.map_err(|_| Error::NoAddress(format!("{} does not come", interface.link_name())))??;
                pool.add_interface(interface);
            }
            Growth::Full => return Err(Error::NoAddress("the instance type holds no more addresses".into())),
        }
        Ok(())
    }

    /// EC2 gives all or none: a subnet that is nearly full may still have one.
    async fn assign(&self, interface: &str, count: u32) -> Result<Vec<Ipv4Addr>, SourceError> {
        match self.source.assign(interface, count).await {
            Err(SourceError::InsufficientFreeAddresses) if count > 1 => self.source.assign(interface, 1).await,
            other => other,
        }
    }

    async fn save(&self, ledger: Ledger) -> io::Result<()> {
        let checkpoint = self.checkpoint.clone();
        tokio::task::spawn_blocking(move || checkpoint.write(&ledger)).await.map_err(io::Error::other)?
    }
}

fn no_address(error: SourceError) -> Error {
    Error::NoAddress(error.to_string())
}
