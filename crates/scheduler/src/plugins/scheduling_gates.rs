//! SchedulingGates: a pod waits until others have removed its gates
//! (kubernetes pkg/scheduler/framework/plugins/schedulinggates). The API server says so in the pod's condition.

use crate::framework::Plugin;
use crate::model::Pod;

pub struct SchedulingGates;

impl Plugin for SchedulingGates {
    fn name(&self) -> &'static str {
        "SchedulingGates"
    }
    fn pre_enqueue(&self, pod: &Pod) -> bool {
        !pod.is_gated()
    }
}
