//! Amounts of resources, and what of them is missing.

use super::document::{ContainerDoc, PodSpec, ResourceList};
use meta::quantity::Quantity;

/// What a container that says nothing is taken to need, for scores only (kubernetes pkg/scheduler/util/pod_resources.go).
const DEFAULT_CPU_MILLI: i64 = 100;
const DEFAULT_MEMORY: i64 = 200 << 20;

/// Requested by pods, or offered by a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub cpu_milli: i64,
    pub memory: i64,
    pub ephemeral_storage: i64,
    /// Extended resources and huge pages, in the order of their names.
    pub scalars: Vec<(String, i64)>,
}

/// A resource that a node has too little of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    pub resource: String,
    /// The whole node would be too small.
    pub forever: bool,
}

impl Resources {
    pub fn of(list: &ResourceList) -> Self {
        let mut resources = Self::default();
        for (name, quantity) in &list.0 {
            match name.as_str() {
                "cpu" => resources.cpu_milli = quantity.milli_value(),
                "memory" => resources.memory = quantity.value(),
                "ephemeral-storage" => resources.ephemeral_storage = quantity.value(),
                "pods" => {}
                _ => resources.scalars.push((name.clone(), quantity.value())),
            }
        }
        resources
    }

    pub fn scalar(&self, name: &str) -> i64 {
        self.scalars.iter().find(|(known, _)| known == name).map_or(0, |(_, amount)| *amount)
    }

    pub fn is_zero(&self) -> bool {
        self.cpu_milli == 0 && self.memory == 0 && self.ephemeral_storage == 0 && self.scalars.iter().all(|(_, n)| *n == 0)
    }

    pub fn add(&mut self, other: &Self) {
        self.combine(other, i64::saturating_add);
    }

    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, i64::saturating_sub);
    }

    fn raise_to(&mut self, other: &Self) {
        self.combine(other, i64::max);
    }

    fn combine(&mut self, other: &Self, with: fn(i64, i64) -> i64) {
        self.cpu_milli = with(self.cpu_milli, other.cpu_milli);
        self.memory = with(self.memory, other.memory);
        self.ephemeral_storage = with(self.ephemeral_storage, other.ephemeral_storage);
        for (name, amount) in &other.scalars {
            match self.scalars.iter_mut().find(|(known, _)| known == name) {
                Some((_, mine)) => *mine = with(*mine, *amount),
                None => self.scalars.push((name.clone(), with(0, *amount))),
            }
        }
    }

    /// What of `self` does not fit in `allocatable` beside `taken`.
    pub fn shortages(&self, allocatable: &Self, taken: &Self) -> Vec<Shortage> {
        let plain = [
            ("cpu", self.cpu_milli, allocatable.cpu_milli, taken.cpu_milli),
            ("memory", self.memory, allocatable.memory, taken.memory),
            ("ephemeral-storage", self.ephemeral_storage, allocatable.ephemeral_storage, taken.ephemeral_storage),
        ];
        let scalar = |(name, amount): &(String, i64)| (name.clone(), *amount, allocatable.scalar(name), taken.scalar(name));
        let mut short = Vec::new();
        for (resource, wanted, offered, used) in plain {
            if wanted > 0 && wanted > offered - used {
                short.push(Shortage { resource: resource.into(), forever: wanted > offered });
            }
        }
        for (resource, wanted, offered, used) in self.scalars.iter().map(scalar) {
            if wanted > 0 && wanted > offered - used {
                short.push(Shortage { resource, forever: wanted > offered });
            }
        }
        short
    }

    /// As [`Resources::shortages`], where only their absence matters.
    pub fn fits(&self, allocatable: &Self, taken: &Self) -> bool {
        let fits = |wanted: i64, offered: i64, used: i64| wanted == 0 || wanted <= offered - used;
        fits(self.cpu_milli, allocatable.cpu_milli, taken.cpu_milli)
            && fits(self.memory, allocatable.memory, taken.memory)
            && fits(self.ephemeral_storage, allocatable.ephemeral_storage, taken.ephemeral_storage)
            && self.scalars.iter().all(|(name, wanted)| fits(*wanted, allocatable.scalar(name), taken.scalar(name)))
    }
}

/// What a pod needs at its most demanding moment: containers and sidecars together, or an init container beside the
/// sidecars started before it; where the pod as a whole says something, that; plus the overhead
/// (k8s.io/component-helpers resource PodRequests).
pub fn requests(spec: &PodSpec) -> Resources {
    total(spec, |container| Resources::of(&container.resources.requests))
}

/// As [`requests`], with defaults for containers that ask for no processor time or no memory.
pub fn non_zero_requests(spec: &PodSpec) -> Resources {
    total(spec, |container| {
        let mut asked = Resources::of(&container.resources.requests);
        if !container.resources.requests.0.contains_key("cpu") {
            asked.cpu_milli = DEFAULT_CPU_MILLI;
        }
        if !container.resources.requests.0.contains_key("memory") {
            asked.memory = DEFAULT_MEMORY;
        }
        asked
    })
}

fn total(spec: &PodSpec, of: impl Fn(&ContainerDoc) -> Resources) -> Resources {
    let (mut sidecars, mut starting) = (Resources::default(), Resources::default());
    for container in &spec.init_containers {
        let asked = of(container);
        if container.restart_policy == "Always" {
            sidecars.add(&asked);
            starting.raise_to(&sidecars);
        } else {
            let mut beside = sidecars.clone();
            beside.add(&asked);
            starting.raise_to(&beside);
        }
    }
    let mut sum = sidecars;
    spec.containers.iter().for_each(|container| sum.add(&of(container)));
    sum.raise_to(&starting);
    let whole = |name: &str| spec.resources.requests.0.get(name).copied();
    sum.cpu_milli = whole("cpu").map_or(sum.cpu_milli, Quantity::milli_value);
    sum.memory = whole("memory").map_or(sum.memory, Quantity::value);
    sum.add(&Resources::of(&spec.overhead));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> PodSpec {
        serde_json::from_str(text).expect("a pod's spec")
    }

    #[test]
    fn a_pod_needs_what_it_needs_at_its_most_demanding_moment() {
        let asks = |cpu: &str| format!(r#""resources":{{"requests":{{"cpu":"{cpu}","memory":"1Mi","x.y/gpu":1}}}}"#);
        let (two, five) = (asks("2"), asks("5"));
        for (text, cpu, memory, gpus) in [
            (format!(r#"{{"containers":[{{{two}}},{{{two}}}]}}"#), 4000, 2 << 20, 2),
            (format!(r#"{{"containers":[{{{two}}}],"initContainers":[{{{five}}}]}}"#), 5000, 1 << 20, 1),
            (
                format!(r#"{{"containers":[{{{two}}}],"initContainers":[{{{two},"restartPolicy":"Always"}},{{{five}}}]}}"#),
                7000,
                2 << 20,
                2,
            ),
            (format!(r#"{{"containers":[{{{two}}}],"overhead":{{"cpu":"500m"}}}}"#), 2500, 1 << 20, 1),
            (format!(r#"{{"containers":[{{{two}}}],{five}}}"#), 5000, 1 << 20, 1),
            (r#"{"containers":[{}],"overhead":null}"#.into(), 0, 0, 0),
        ] {
            let found = requests(&spec(&text));
            assert_eq!((found.cpu_milli, found.memory, found.scalar("x.y/gpu")), (cpu, memory, gpus), "{text}");
        }
        let silent = non_zero_requests(&spec(r#"{"containers":[{},{"resources":{"requests":{"cpu":"1"}}}]}"#));
        assert_eq!((silent.cpu_milli, silent.memory), (1100, 400 << 20));
    }

    #[test]
    fn what_is_missing_has_a_name() {
        let list = |text: &str| Resources::of(&serde_json::from_str(text).expect("a resource list"));
        let node = list(r#"{"cpu":"4","memory":"1Gi","x.y/gpu":"2","pods":"10"}"#);
        let taken = list(r#"{"cpu":"3","memory":"1Gi","x.y/gpu":"2"}"#);
        for (wanted, missing) in [
            (r#"{"cpu":"1"}"#, vec![]),
            (r#"{"cpu":"1001m"}"#, vec![("cpu", false)]),
            (r#"{"cpu":"5","memory":"1"}"#, vec![("cpu", true), ("memory", false)]),
            (r#"{"x.y/gpu":"1","z.y/gpu":1}"#, vec![("x.y/gpu", false), ("z.y/gpu", true)]),
        ] {
            let wanted = list(wanted);
            let found = wanted.shortages(&node, &taken);
            let found: Vec<(&str, bool)> = found.iter().map(|short| (short.resource.as_str(), short.forever)).collect();
            assert_eq!(found, missing, "{wanted:?}");
            assert_eq!(wanted.fits(&node, &taken), missing.is_empty(), "{wanted:?}");
        }
    }
}
