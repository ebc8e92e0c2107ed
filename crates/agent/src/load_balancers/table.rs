//! The rules of load balancers in the kernel: each VPC's router has one table, changed by the difference.

use super::rules::Rules;
use node_os::netns::NetNs;
use node_os::nft::NftError;
use parking_lot::Mutex;
use std::collections::HashMap;

/// What this process has put there, by VPC: the number of the router's namespace, and its rules.
#[derive(Default)]
pub struct Tables(Mutex<HashMap<String, (u64, Rules)>>);

#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(transparent)]
    Refused(#[from] NftError),
    #[error("the work was given up: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Tables {
    /// Makes the router's table these rules; without any there is no table. A router that this process has not filled is
    /// filled anew, all at once. `router` comes with its number.
    pub async fn ensure(&self, vpc: &str, (router, inode): (&NetNs, u64), rules: Option<Rules>) -> Result<(), TableError> {
        let known = self.0.lock().remove(vpc).filter(|(number, _)| *number == inode);
        let change = match (&known, &rules) {
            (Some((_, before)), Some(rules)) => rules.difference(before),
            (None, Some(rules)) => rules.replace(),
            (_, None) => Rules::remove(),
        };
        if !change.is_empty() {
            let inside = router.clone();
            // What failed is forgotten, and so made anew.
            let committed = tokio::task::spawn_blocking(move || change.commit(&inside)).await;
            committed??;
        }
        if let Some(rules) = rules {
            self.0.lock().insert(vpc.to_owned(), (inode, rules));
        }
        Ok(())
    }
}
