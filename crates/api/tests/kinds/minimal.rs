//! The least that each kind asks for.

use meta::Doc;
use serde_json::json;

pub fn pod_template() -> Doc {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx:1.29"}]}})
}

fn selected(extra: Doc) -> Doc {
    let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}, "template": pod_template()});
    for (key, value) in extra.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({ "spec": spec })
}

fn job_template() -> Doc {
    let mut template = pod_template();
    template["spec"]["restartPolicy"] = json!("Never");
    template
}

/// Everything but apiVersion, kind and metadata.
pub fn body(kind: &str) -> Doc {
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    match kind {
        "Pod" => json!({"spec": {"containers": [{"name": "web", "image": "nginx:1.29"}]}}),
        "PodTemplate" => json!({"template": pod_template()}),
        "ReplicationController" => json!({"spec": {"template": pod_template()}}),
        "Deployment" | "ReplicaSet" | "DaemonSet" => selected(json!({})),
        "StatefulSet" => selected(json!({"serviceName": "web"})),
        "ControllerRevision" => json!({"revision": 1, "data": {"a": 1}}),
        "Job" => json!({"spec": {"template": job_template()}}),
        "CronJob" => json!({"spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": job_template()}}}}),
        "Service" => json!({"spec": {"ports": [{"port": 80}]}}),
        "EndpointSlice" => json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}]}),
        "PersistentVolume" => {
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}})
        }
        "PersistentVolumeClaim" => {
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
        }
        "StorageClass" => json!({"provisioner": "ebs.csi.aws.com"}),
        "CSIStorageCapacity" => json!({"storageClassName": "gp3"}),
        "VolumeAttachment" => json!({"spec": {"attacher": "ebs.csi.aws.com", "nodeName": "n", "source": {}}}),
        "Ingress" => json!({"spec": {"defaultBackend": backend}}),
        "HorizontalPodAutoscaler" => {
            json!({"spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})
        }
        "RoleBinding" | "ClusterRoleBinding" => json!({"roleRef": {"kind": "ClusterRole", "name": "view"}}),
        "CertificateSigningRequest" => {
            json!({"spec": {"request": "Y3Ny", "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}})
        }
        "ClusterTrustBundle" => json!({"spec": {"trustBundle": "x"}}),
        "FlowSchema" => json!({"spec": {"priorityLevelConfiguration": {"name": "exempt"}}}),
        "PriorityLevelConfiguration" => json!({"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue"}}}}),
        "IPAddress" => json!({"spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "web"}}}),
        "RuntimeClass" => json!({"handler": "runc"}),
        "PriorityClass" => json!({"value": 1000}),
        "SubjectAccessReview" => json!({"spec": {"user": "a", "resourceAttributes": {"verb": "get"}}}),
        "LocalSubjectAccessReview" => {
            json!({"spec": {"user": "a", "resourceAttributes": {"verb": "get", "namespace": "default"}}})
        }
        "SelfSubjectAccessReview" => json!({"spec": {"resourceAttributes": {"verb": "get"}}}),
        _ => json!({}),
    }
}

/// A whole object that creation accepts.
pub fn object(def: &api::ResourceDef) -> Doc {
    let mut doc = body(&def.kind);
    doc["apiVersion"] = json!(def.api_version());
    doc["kind"] = json!(def.kind);
    doc["metadata"] = json!({"name": "web", "uid": "3e1a"});
    if def.kind == "IPAddress" {
        doc["metadata"]["name"] = json!("172.20.0.1");
    }
    if def.namespaced {
        doc["metadata"]["namespace"] = json!("default");
    }
    if def.kind == "Event" {
        let object = if def.gvr.group.is_empty() { "involvedObject" } else { "regarding" };
        doc[object] = json!({"kind": "Pod", "name": "a", "namespace": "default"});
        for field in ["reportingController", "reportingInstance", "action", "reason"] {
            doc[field] = json!("x");
        }
        doc["eventTime"] = json!("2026-11-20T10:11:12.000000Z");
        doc["type"] = json!("Normal");
    }
    doc
}
