//! What containers and pods ask of a node, and the quality of service that follows from it
//! (kubernetes pkg/apis/core/v1/helper/qos, k8s.io/component-helpers resource).

use super::{ContainerView, PodView};
use meta::Doc;
use meta::quantity::Quantity;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QosClass {
    Guaranteed,
    Burstable,
    BestEffort,
}

/// Of one container or of a whole pod; None: not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub cpu_milli: i64,
    pub memory_bytes: i64,
    pub ephemeral_bytes: i64,
}

impl Request {
    fn plus(self, other: Self) -> Self {
        Self {
            cpu_milli: self.cpu_milli.saturating_add(other.cpu_milli),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            ephemeral_bytes: self.ephemeral_bytes.saturating_add(other.ephemeral_bytes),
        }
    }
    fn max(self, other: Self) -> Self {
        Self {
            cpu_milli: self.cpu_milli.max(other.cpu_milli),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            ephemeral_bytes: self.ephemeral_bytes.max(other.ephemeral_bytes),
        }
    }
}

/// A quantity as a document has it: text or a bare number.
pub fn quantity(value: &Doc) -> Option<Quantity> {
    match value {
        Doc::String(text) => Quantity::parse(text).ok(), // the API server refuses what does not parse
        Doc::Number(number) => Quantity::parse(&number.to_string()).ok(), // as above
        _ => None,
    }
}

fn request_of(list: &Doc) -> Request {
    let value = |name: &str| quantity(&list[name]);
    Request {
        cpu_milli: value("cpu").map_or(0, Quantity::milli_value),
        memory_bytes: value("memory").map_or(0, Quantity::value),
        ephemeral_bytes: value("ephemeral-storage").map_or(0, Quantity::value),
    }
}

impl ContainerView<'_> {
    /// Zero where nothing is asked for.
    pub fn requests(&self) -> Request {
        let (requests, limits) = (request_of(&self.resources()["requests"]), request_of(&self.resources()["limits"]));
        let or = |request: i64, limit: i64| if request == 0 { limit } else { request };
        Request {
            cpu_milli: or(requests.cpu_milli, limits.cpu_milli),
            memory_bytes: or(requests.memory_bytes, limits.memory_bytes),
            ephemeral_bytes: or(requests.ephemeral_bytes, limits.ephemeral_bytes),
        }
    }
    /// Zero: no limit.
    pub fn limits(&self) -> Request {
        request_of(&self.resources()["limits"])
    }
}

impl PodView {
    /// What the pod takes from its node: containers and sidecars together, or what an init container needs beside the
    /// sidecars started before it, whichever is more; plus the overhead.
    pub fn requests(&self) -> Request {
        self.fold(|container| container.requests()).plus(request_of(&self.spec()["overhead"]))
    }

    /// The sum of the limits; zero where a container has none, since the pod as a whole has none then.
    pub fn limits(&self) -> Request {
        let total = self.fold(|container| container.limits());
        let all = |field: fn(&Request) -> i64| self.all_containers().filter(lasting).all(|c| field(&c.limits()) > 0);
        Request {
            cpu_milli: if all(|r| r.cpu_milli) { total.cpu_milli } else { 0 },
            memory_bytes: if all(|r| r.memory_bytes) { total.memory_bytes } else { 0 },
            ephemeral_bytes: if all(|r| r.ephemeral_bytes) { total.ephemeral_bytes } else { 0 },
        }
    }

    fn fold(&self, of: impl Fn(&ContainerView<'_>) -> Request) -> Request {
        let mut sidecars = Request::default();
        let mut starting = Request::default();
        for container in self.init_containers() {
            if container.is_sidecar() {
                sidecars = sidecars.plus(of(&container));
                starting = starting.max(sidecars);
            } else {
                starting = starting.max(sidecars.plus(of(&container)));
            }
        }
        self.containers().fold(sidecars, |sum, container| sum.plus(of(&container))).max(starting)
    }

    pub fn qos_class(&self) -> QosClass {
        let counted = || self.init_containers().chain(self.containers());
        let asks = |list: &Doc| ["cpu", "memory"].iter().any(|name| quantity(&list[*name]).is_some_and(|q| !q.is_zero()));
        if counted().all(|c| !asks(&c.resources()["requests"]) && !asks(&c.resources()["limits"])) {
            return QosClass::BestEffort;
        }
        let fixed = |container: ContainerView<'_>| {
            let (requests, limits) = (container.requests(), container.limits());
            limits.cpu_milli > 0
                && limits.memory_bytes > 0
                && (requests.cpu_milli, requests.memory_bytes) == (limits.cpu_milli, limits.memory_bytes)
        };
        if counted().all(fixed) { QosClass::Guaranteed } else { QosClass::Burstable }
    }
}

/// Whether it runs for as long as the pod does.
fn lasting(container: &ContainerView<'_>) -> bool {
    container.kind() == super::ContainerKind::App || container.is_sidecar()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(init: Doc, containers: Doc) -> PodView {
        PodView::new(json!({"spec": {"initContainers": init, "containers": containers}}))
    }
    fn cpu(request: &str, limit: &str) -> Doc {
        json!({"resources": {"requests": {"cpu": request, "memory": "1Mi"}, "limits": {"cpu": limit, "memory": "1Mi"}}})
    }

    #[test]
    fn quality_of_service() {
        for (containers, class) in [
            (json!([{}]), QosClass::BestEffort),
            (json!([cpu("1", "1")]), QosClass::Guaranteed),
            (json!([cpu("1", "2")]), QosClass::Burstable),
            (json!([cpu("1", "1"), {}]), QosClass::Burstable),
            (json!([{"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]), QosClass::Guaranteed),
            (json!([{"resources": {"limits": {"memory": "1Gi"}}}]), QosClass::Burstable),
        ] {
            assert_eq!(pod(json!([]), containers.clone()).qos_class(), class, "{containers}");
        }
    }

    #[test]
    fn a_pod_takes_the_most_it_ever_needs() {
        let sidecar = |milli: &str| {
            let mut doc = cpu(milli, milli);
            doc["restartPolicy"] = json!("Always");
            doc
        };
        for (init, containers, milli) in [
            (json!([]), json!([cpu("100m", "1"), cpu("200m", "1")]), 300),
            (json!([cpu("1", "1")]), json!([cpu("100m", "1")]), 1000),
            (json!([sidecar("300m"), cpu("1", "1")]), json!([cpu("100m", "1")]), 1300),
            (json!([cpu("200m", "1"), sidecar("300m")]), json!([cpu("100m", "1")]), 400),
        ] {
            assert_eq!(pod(init.clone(), containers).requests().cpu_milli, milli, "{init}");
        }
    }
}
