use super::*;
use crate::parts::ProbeResult;
use runtime::cri::{ContainerConfig, SandboxConfig, SandboxState, SandboxStatus};
use serde_json::{Value, json};

const NOW: i64 = 1_000_000;

fn sandbox(attempt: u32, ready: bool) -> SandboxStatus {
    SandboxStatus {
        config: SandboxConfig { id: format!("s{attempt}"), attempt, ..SandboxConfig::default() },
        state: if ready { SandboxState::Ready } else { SandboxState::NotReady },
        created_at_ns: 0,
        pid: 1,
    }
}

/// `web 1 running`, `web 0 exited 4`, `web 0 created`; it belongs to the sandbox of that number.
fn container(text: &str, sandbox: u32) -> ContainerStatus {
    let words: Vec<&str> = text.split(' ').collect();
    let attempt = words[1].parse().expect("a number");
    let mut annotations = std::collections::BTreeMap::new();
    annotations.insert(IMAGE.to_owned(), "i".to_owned());
    ContainerStatus {
        config: ContainerConfig {
            id: format!("{}-{attempt}", words[0]),
            name: words[0].into(),
            attempt,
            annotations,
            ..ContainerConfig::default()
        },
        sandbox_id: format!("s{sandbox}"),
        state: match words[2] {
            "running" => ContainerState::Running,
            "created" => ContainerState::Created,
            _ => ContainerState::Exited,
        },
        pid: 0,
        created_at_ns: 0,
        started_at_ns: 0,
        finished_at_ns: (NOW - 5) * 1_000_000_000,
        exit_code: words.get(3).map_or(0, |code| code.parse().expect("a number")),
        reason: String::new(),
        message: String::new(),
    }
}

fn show(plan: &Plan) -> String {
    let mut parts = Vec::new();
    parts.extend(plan.finish.then(|| "finish".to_owned()));
    parts.extend(plan.sandbox.map(|attempt| format!("sandbox {attempt}")));
    parts.extend(plan.kill.iter().map(|kill| format!("kill {}", kill.id)));
    parts.extend(plan.start.iter().map(|start| format!("start {} {}", start.name, start.attempt)));
    parts.extend(plan.hold.iter().map(|hold| format!("hold {} {}", hold.name, hold.pause_s)));
    parts.join(", ")
}

struct Case {
    policy: &'static str,
    init: Value,
    sandboxes: Vec<SandboxStatus>,
    containers: Vec<ContainerStatus>,
    crashed: bool,
    failed_probe: Option<ProbeKind>,
}

fn case(policy: &'static str, containers: &[&str]) -> Case {
    let containers = containers.iter().map(|text| container(text, 0)).collect();
    Case { policy, init: json!([]), sandboxes: vec![sandbox(0, true)], containers, crashed: false, failed_probe: None }
}

impl Case {
    fn with_init(mut self) -> Self {
        self.init = json!([{ "name": "init", "image": "i" }, { "name": "side", "image": "i", "restartPolicy": "Always" }]);
        self
    }
    fn in_sandboxes(mut self, sandboxes: Vec<SandboxStatus>) -> Self {
        self.sandboxes = sandboxes;
        self
    }
    fn crashed(mut self) -> Self {
        self.crashed = true;
        self
    }
    fn failing(mut self, kind: ProbeKind) -> Self {
        self.failed_probe = Some(kind);
        self
    }

    fn plan(self) -> String {
        let containers = json!([{ "name": "web", "image": "i", "livenessProbe": {} }]);
        let pod =
            PodView::new(json!({"spec": {"restartPolicy": self.policy, "initContainers": self.init, "containers": containers}}));
        let (mut backoffs, mut probes) = (Backoffs::default(), Probes::default());
        let now = Time::from_unix(NOW);
        if self.crashed {
            backoffs.next("web", Time::from_unix(NOW - 5), now);
        }
        if let Some(kind) = self.failed_probe {
            let (container, container_id) = ("web".to_owned(), "web-0".to_owned());
            probes.take_in(ProbeResult {
                pod_uid: String::new(),
                container,
                container_id,
                kind,
                ok: false,
                message: String::new(),
            });
        }
        let runtime = Observed::new(self.sandboxes, self.containers);
        show(&plan(&Seen { pod: &pod, runtime: &runtime, probes: &probes, backoffs: &backoffs, now }))
    }
}

#[test]
fn containers() {
    for (case, expected) in [
        (case("Always", &[]), "start web 0"),
        (case("Always", &["web 0 running"]), ""),
        (case("Always", &["web 0 created"]), "start web 0"),
        (case("Always", &["web 0 exited 0"]), "start web 1"),
        (case("Always", &["web 0 exited 1"]).crashed(), "hold web 10"),
        (case("OnFailure", &["web 0 exited 1"]), "start web 1"),
        (case("OnFailure", &["web 0 exited 1", "web 1 exited 0"]), "finish"),
        (case("Never", &["web 0 exited 1"]), "finish"),
        (case("Always", &["web 0 running"]).failing(ProbeKind::Liveness), "kill web-0"),
        (case("Never", &["web 0 running"]).failing(ProbeKind::Startup), "kill web-0"),
        (case("Always", &["web 0 running"]).failing(ProbeKind::Readiness), ""),
    ] {
        let about = format!("{} {:?}", case.policy, case.containers.iter().map(|c| &c.config.id).collect::<Vec<_>>());
        assert_eq!(case.plan(), expected, "{about}");
    }
}

#[test]
fn init_containers_and_sidecars() {
    for (case, expected) in [
        (case("Always", &[]), "start init 0"),
        (case("Always", &["init 0 running"]), ""),
        (case("Always", &["init 0 exited 1"]), "start init 1"),
        (case("Never", &["init 0 exited 1"]), "finish"),
        (case("Always", &["init 0 exited 0"]), "start side 0"),
        (case("Always", &["init 0 exited 0", "side 0 running"]), "start web 0"),
        (case("Always", &["init 0 exited 0", "side 0 exited 0"]), "start side 1"),
        (case("Always", &["init 0 exited 0", "side 0 exited 1", "web 0 running"]), "start side 1"),
        (case("Never", &["init 0 exited 0", "side 0 running", "web 0 exited 0"]), "finish"),
    ] {
        let case = case.with_init();
        let about = format!("{} {:?}", case.policy, case.containers.iter().map(|c| &c.config.id).collect::<Vec<_>>());
        assert_eq!(case.plan(), expected, "{about}");
    }
}

#[test]
fn sandboxes() {
    let lost = || vec![sandbox(0, false)];
    let renewed = || vec![sandbox(0, false), sandbox(1, true)];
    for (case, expected) in [
        (case("Always", &[]).in_sandboxes(vec![]), "sandbox 0"),
        (case("Always", &["web 0 exited 137"]).in_sandboxes(lost()), "sandbox 1"),
        (case("Never", &["web 0 exited 137"]).in_sandboxes(lost()), "finish"),
        (case("Never", &[]).in_sandboxes(lost()), "sandbox 1"),
        (case("OnFailure", &["web 0 exited 0"]).in_sandboxes(lost()), "finish"),
        (case("Always", &["web 0 exited 137"]).in_sandboxes(renewed()), "start web 1"),
        (case("Always", &["web 0 exited 137"]).in_sandboxes(renewed()).with_init(), "start init 0"),
    ] {
        let about = format!("{} {} sandboxes", case.policy, case.sandboxes.len());
        assert_eq!(case.plan(), expected, "{about}");
    }
}
