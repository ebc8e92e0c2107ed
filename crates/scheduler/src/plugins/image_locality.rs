//! ImageLocality: nodes that have a pod's images already start it sooner
//! (kubernetes pkg/scheduler/framework/plugins/imagelocality).

use crate::cluster::{Cluster, Host, NodeId};
use crate::framework::{MAX_NODE_SCORE, Plugin, Score};
use crate::model::Pod;

/// Smaller images do not matter, and beyond the largest more does not matter more.
const SMALLEST: i64 = 23 << 20;
const LARGEST_PER_CONTAINER: i64 = 1000 << 20;

pub struct ImageLocality;

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn pre_score<'a>(&self, cluster: &'a Cluster, pod: &'a Pod, _: &[NodeId]) -> Option<Box<dyn Score + 'a>> {
        let nodes = cluster.nodes().len() as f64;
        let images = pod.asks.images.iter().map(|image| (image.as_str(), cluster.nodes_with_image(image)));
        // What few nodes have draws less, so that not all pods go to the first node that has pulled an image.
        let known: Vec<(&str, f64)> =
            images.filter(|(_, on)| *on > 0).map(|(image, on)| (image, f64::from(on) / nodes)).collect();
        let containers = pod.asks.images.len() as i64;
        (!known.is_empty()).then(|| Box::new(Local { known, containers }) as Box<dyn Score>)
    }
}

struct Local<'a> {
    known: Vec<(&'a str, f64)>,
    containers: i64,
}

impl Score for Local<'_> {
    fn score(&self, host: &Host) -> i64 {
        let Some(node) = host.node() else { return 0 };
        let size = |(image, spread): &(&str, f64)| Some((*node.images.get(*image)? as f64 * spread) as i64);
        let sum: i64 = self.known.iter().filter_map(size).sum();
        let largest = LARGEST_PER_CONTAINER * self.containers;
        MAX_NODE_SCORE * (sum.clamp(SMALLEST, largest) - SMALLEST) / (largest - SMALLEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{add_node, incoming, scores};
    use serde_json::json;

    #[test]
    fn nodes_with_the_images_score_higher() {
        let mut cluster = Cluster::default();
        let image = |name: &str, mebibytes: i64| json!({"names": [name], "sizeBytes": mebibytes << 20});
        let images = |list: meta::Doc| json!({"status": {"images": list}});
        add_node(&mut cluster, "a", images(json!([image("gcr.io/40:latest", 40), image("gcr.io/300:latest", 300)])));
        add_node(&mut cluster, "b", images(json!([image("gcr.io/250:latest", 250), image("gcr.io/10:latest", 10)])));
        let running = |images: &[&str]| {
            let containers: Vec<_> = images.iter().map(|image| json!({"image": image})).collect();
            incoming(json!({}), json!({"containers": containers}))
        };
        for (pod, expected) in [
            // 250 / 2 - 23 of 2 * 1000 - 23 MiB: each image is on half of the nodes, and 40 / 2 does not matter.
            (running(&["gcr.io/40", "gcr.io/250"]), "a=0 b=5"),
            (running(&["gcr.io/40", "gcr.io/300"]), "a=7 b=0"),
            (running(&["gcr.io/10"]), "a=0 b=0"),
            (running(&["gcr.io/unknown"]), "skip"),
        ] {
            assert_eq!(scores(&ImageLocality, &mut cluster, &pod), expected, "{:?}", pod.asks.images);
        }
    }
}
