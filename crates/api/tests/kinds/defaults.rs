//! What defaulting adds: input and the whole result, or the parts that matter.

use crate::{def, defaulted, minimal};
use meta::Doc;
use serde_json::json;

/// Input, JSON pointer, what stands there afterwards.
fn check(name: &str, input: Doc, expected: &[(&str, Doc)]) {
    let def = def(name);
    let doc = defaulted(&def, input);
    for (pointer, value) in expected {
        assert_eq!(doc.pointer(pointer).unwrap_or(&Doc::Null), value, "{name} {pointer}");
    }
}

#[test]
fn a_pod_gets_upstreams_defaults() {
    let pod = defaulted(&def("v1 Pod"), minimal::body("Pod"));
    let container = json!({"name": "web", "image": "nginx:1.29", "imagePullPolicy": "IfNotPresent", "resources": {},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"});
    assert_eq!(
        pod,
        json!({"spec": {"containers": [container], "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always",
            "schedulerName": "default-scheduler", "securityContext": {}, "terminationGracePeriodSeconds": 30}})
    );
}

#[test]
fn parts_of_a_pod() {
    let container = json!({"name": "a", "image": "busybox", "ports": [{"containerPort": 80}],
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": "0.5"}},
        "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "livenessProbe": {"httpGet": {"port": 80}}});
    let volumes = json!([{"name": "a"}, {"name": "b", "secret": {"secretName": "x"}}, {"name": "c", "hostPath": {"path": "/"}},
        {"name": "d", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}},
            {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}]}}]);
    let spec = json!({"containers": [container], "volumes": volumes, "hostNetwork": true, "serviceAccountName": "sa"});
    check(
        "v1 Pod",
        json!({ "spec": spec }),
        &[
            ("/spec/containers/0/imagePullPolicy", json!("Always")),
            ("/spec/containers/0/ports/0", json!({"containerPort": 80, "hostPort": 80, "protocol": "TCP"})),
            ("/spec/containers/0/resources/limits", json!({"cpu": "1", "memory": "1Gi"})),
            ("/spec/containers/0/resources/requests", json!({"cpu": "500m", "memory": "1Gi"})),
            ("/spec/containers/0/env/0/valueFrom/fieldRef/apiVersion", json!("v1")),
            (
                "/spec/containers/0/livenessProbe",
                json!({"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10,
                    "successThreshold": 1, "failureThreshold": 3}),
            ),
            ("/spec/volumes/0/emptyDir", json!({})),
            ("/spec/volumes/1/secret/defaultMode", json!(420)),
            ("/spec/volumes/2/hostPath/type", json!("")),
            ("/spec/volumes/3/projected/defaultMode", json!(420)),
            ("/spec/volumes/3/projected/sources/0/serviceAccountToken/expirationSeconds", json!(3600)),
            ("/spec/volumes/3/projected/sources/1/downwardAPI/items/0/fieldRef/apiVersion", json!("v1")),
            ("/spec/serviceAccount", json!("sa")),
        ],
    );
}

#[test]
fn an_image_is_always_pulled_when_it_may_move() {
    for (image, policy) in [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.29", "IfNotPresent"),
        ("registry.test:5000/nginx", "Always"),
        ("registry.test:5000/a/nginx:1", "IfNotPresent"),
        ("nginx@sha256:0000", "IfNotPresent"),
        ("nginx:latest@sha256:0000", "Always"),
        ("", "IfNotPresent"),
    ] {
        let input = json!({"spec": {"containers": [{"name": "a", "image": image}]}});
        check("v1 Pod", input, &[("/spec/containers/0/imagePullPolicy", json!(policy))]);
    }
}

#[test]
fn workloads() {
    check(
        "apps/v1 Deployment",
        minimal::body("Deployment"),
        &[
            ("/spec/replicas", json!(1)),
            ("/spec/strategy", json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}})),
            ("/spec/revisionHistoryLimit", json!(10)),
            ("/spec/progressDeadlineSeconds", json!(600)),
            ("/spec/template/spec/restartPolicy", json!("Always")),
            // Only a pod itself gets this one.
            ("/spec/template/spec/enableServiceLinks", json!(null)),
        ],
    );
    check(
        "apps/v1 Deployment",
        json!({"spec": {"replicas": 0, "strategy": {"type": "Recreate"}}}),
        &[("/spec/replicas", json!(0)), ("/spec/strategy", json!({"type": "Recreate"}))],
    );
    check("apps/v1 ReplicaSet", minimal::body("ReplicaSet"), &[("/metadata/labels", json!({"app": "web"}))]);
    check(
        "apps/v1 StatefulSet",
        minimal::body("StatefulSet"),
        &[
            ("/spec/podManagementPolicy", json!("OrderedReady")),
            ("/spec/updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})),
            ("/spec/persistentVolumeClaimRetentionPolicy", json!({"whenDeleted": "Retain", "whenScaled": "Retain"})),
        ],
    );
    check(
        "apps/v1 DaemonSet",
        minimal::body("DaemonSet"),
        &[("/spec/updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}))],
    );
    check(
        "batch/v1 Job",
        minimal::body("Job"),
        &[
            ("/spec/completions", json!(1)),
            ("/spec/parallelism", json!(1)),
            ("/spec/backoffLimit", json!(6)),
            ("/spec/completionMode", json!("NonIndexed")),
            ("/spec/suspend", json!(false)),
            ("/spec/podReplacementPolicy", json!("TerminatingOrFailed")),
        ],
    );
    check("batch/v1 Job", json!({"spec": {"parallelism": 3}}), &[("/spec/completions", json!(null))]);
    check(
        "batch/v1 CronJob",
        minimal::body("CronJob"),
        &[
            ("/spec/concurrencyPolicy", json!("Allow")),
            ("/spec/successfulJobsHistoryLimit", json!(3)),
            ("/spec/failedJobsHistoryLimit", json!(1)),
            ("/spec/jobTemplate/spec/backoffLimit", json!(null)),
        ],
    );
}

#[test]
fn services() {
    check(
        "v1 Service",
        json!({"spec": {"ports": [{"port": 80}, {"port": 81, "targetPort": "http", "protocol": "UDP"}]}}),
        &[(
            "/spec",
            json!({"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster", "ports": [
            {"port": 80, "protocol": "TCP", "targetPort": 80}, {"port": 81, "targetPort": "http", "protocol": "UDP"}]}),
        )],
    );
    check(
        "v1 Service",
        json!({"spec": {"type": "LoadBalancer", "sessionAffinity": "ClientIP"}}),
        &[
            ("/spec/allocateLoadBalancerNodePorts", json!(true)),
            ("/spec/externalTrafficPolicy", json!("Cluster")),
            ("/spec/sessionAffinityConfig/clientIP/timeoutSeconds", json!(10800)),
        ],
    );
    check(
        "v1 Service",
        json!({"spec": {"type": "ExternalName", "externalName": "a.test"}}),
        &[("/spec/internalTrafficPolicy", json!(null)), ("/spec/externalTrafficPolicy", json!(null))],
    );
}

#[test]
fn the_rest() {
    check(
        "v1 Namespace",
        json!({"metadata": {"name": "a"}}),
        &[("/metadata/labels/kubernetes.io~1metadata.name", json!("a")), ("/status/phase", json!("Active"))],
    );
    check(
        "v1 Secret",
        json!({"data": {"b": "Yg=="}, "stringData": {"a": "x", "b": "y"}}),
        &[("/type", json!("Opaque")), ("/data", json!({"a": "eA==", "b": "eQ=="})), ("/stringData", json!(null))],
    );
    let subjects = json!([{"kind": "User", "name": "a"}, {"kind": "ServiceAccount", "name": "b", "namespace": "c"}]);
    check(
        "rbac.authorization.k8s.io/v1 RoleBinding",
        json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": subjects}),
        &[
            ("/roleRef/apiGroup", json!("rbac.authorization.k8s.io")),
            ("/subjects/0/apiGroup", json!("rbac.authorization.k8s.io")),
            ("/subjects/1/apiGroup", json!(null)),
        ],
    );
    check(
        "networking.k8s.io/v1 NetworkPolicy",
        json!({"spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}}),
        &[("/spec/policyTypes", json!(["Ingress", "Egress"])), ("/spec/egress/0/ports/0/protocol", json!("TCP"))],
    );
    check(
        "storage.k8s.io/v1 StorageClass",
        json!({"provisioner": "x"}),
        &[("/reclaimPolicy", json!("Delete")), ("/volumeBindingMode", json!("Immediate"))],
    );
    check(
        "v1 LimitRange",
        json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}}]}}),
        &[
            ("/spec/limits/0/default", json!({"cpu": "2"})),
            ("/spec/limits/0/defaultRequest", json!({"cpu": "2", "memory": "1Mi"})),
        ],
    );
    check("v1 Node", json!({"status": {"capacity": {"cpu": "4000m"}}}), &[("/status/allocatable/cpu", json!("4"))]);
    check(
        "autoscaling/v2 HorizontalPodAutoscaler",
        json!({"spec": {"maxReplicas": 3, "behavior": {}}}),
        &[
            ("/spec/minReplicas", json!(1)),
            ("/spec/metrics/0/resource/target/averageUtilization", json!(80)),
            ("/spec/behavior/scaleUp/policies/0", json!({"type": "Pods", "value": 4, "periodSeconds": 15})),
        ],
    );
    check(
        "discovery.k8s.io/v1 EndpointSlice",
        json!({"ports": [{"port": 1}]}),
        &[("/ports/0", json!({"port": 1, "name": "", "protocol": "TCP"}))],
    );
}

#[test]
fn creation_sets_what_is_the_servers() {
    let created = |name: &str, mut doc: Doc| {
        let def = def(name);
        (def.hooks.default)(&mut doc);
        def.prepare_for_create(&mut doc);
        doc
    };
    let pod = created(
        "v1 Pod",
        json!({"status": {"phase": "Running"}, "spec": {"containers": [], "schedulingGates": [{"name": "a"}]}}),
    );
    assert_eq!(pod["status"]["phase"], "Pending");
    assert_eq!(pod["status"]["qosClass"], "BestEffort");
    assert_eq!(pod["status"]["conditions"][0]["reason"], "SchedulingGated");
    assert_eq!(pod["metadata"]["generation"], 1);

    let namespace = created("v1 Namespace", json!({"metadata": {"name": "a"}}));
    assert_eq!(namespace["spec"]["finalizers"], json!(["kubernetes"]));
    assert_eq!(namespace["status"], json!({"phase": "Active"}));

    let mut job = minimal::body("Job");
    job["metadata"] = json!({"name": "j", "uid": "u"});
    let job = created("batch/v1 Job", job);
    assert_eq!(job["spec"]["selector"], json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}));
    assert_eq!(job["spec"]["template"]["metadata"]["labels"]["batch.kubernetes.io/job-name"], "j");

    let node = created("v1 Node", json!({"status": {"phase": "x"}}));
    assert_eq!(node["status"]["phase"], "x", "a kubelet registers with its status");
    let service = created("v1 Service", json!({"spec": {"clusterIP": "None"}, "status": {"loadBalancer": {}}}));
    assert_eq!(service["spec"]["clusterIPs"], json!(["None"]));
    assert_eq!(service.get("status"), None);
}
