//! The rules of load balancers in the kernel: each VPC's router has one table, changed by the difference.

use super::router::Router;
use super::rules::Rules;
use node_os::conntrack;
use node_os::nft::NftError;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::time::Duration;

/// A UDP flow in which nothing is said for so long is over, as on AWS.
pub const FLOW_IDLE: Duration = Duration::from_secs(120);

/// What this process has put there, by VPC: the number of the router's namespace, and its rules.
#[derive(Default)]
pub struct Tables(Mutex<HashMap<String, (u64, Rules)>>);

#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(transparent)]
    Refused(#[from] NftError),
    #[error("connections: {0}")]
    Connections(#[source] io::Error),
    #[error("the work was given up: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Tables {
    /// Makes the router's table these rules; without any there is no table. A router that this process has not filled is
    /// filled anew, all at once.
    pub async fn ensure(&self, vpc: &str, router: &Router, rules: Option<Rules>) -> Result<(), TableError> {
        let known = self.0.lock().remove(vpc).filter(|(inode, _)| *inode == router.inode);
        let change = match (&known, &rules) {
            (Some((_, before)), Some(rules)) => rules.difference(before),
            (None, Some(rules)) => rules.replace(),
            (_, None) => Rules::remove(),
        };
        if !change.is_empty() {
            let inside = router.namespace.clone();
            // What failed is forgotten, and so made anew.
            let tracks = rules.is_some();
            let committed = tokio::task::spawn_blocking(move || {
                change.commit(&inside)?;
                if tracks {
                    conntrack::remember_datagrams(&inside, FLOW_IDLE).map_err(TableError::Connections)?;
                }
                Ok::<(), TableError>(())
            });
            committed.await??;
        }
        if let Some(rules) = rules {
            self.0.lock().insert(vpc.to_owned(), (router.inode, rules));
        }
        Ok(())
    }
}
