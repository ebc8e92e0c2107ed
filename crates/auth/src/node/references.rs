//! The objects a pod or a volume names (kubernetes `pkg/api/v1/pod/util.go`, `pkg/api/v1/persistentvolume/util.go`).

use meta::Doc;

/// Kinds that a node may read because a pod on it names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Pod,
    Secret,
    ConfigMap,
    Claim,
    ServiceAccount,
    ResourceClaim,
}

const MIRROR: &str = "kubernetes.io/config.mirror";

/// Volume sources that name a secret of the pod's namespace, and where.
const POD_SECRETS: [(&str, &str); 10] = [
    ("azureFile", "/secretName"),
    ("cephfs", "/secretRef/name"),
    ("cinder", "/secretRef/name"),
    ("csi", "/nodePublishSecretRef/name"),
    ("flexVolume", "/secretRef/name"),
    ("iscsi", "/secretRef/name"),
    ("rbd", "/secretRef/name"),
    ("scaleIO", "/secretRef/name"),
    ("secret", "/secretName"),
    ("storageos", "/secretRef/name"),
];

pub(super) fn list<'a>(doc: &'a Doc, pointer: &str) -> impl Iterator<Item = &'a Doc> {
    doc.pointer(pointer).and_then(Doc::as_array).into_iter().flatten()
}

pub(super) fn text<'a>(doc: &'a Doc, pointer: &str) -> &'a str {
    doc.pointer(pointer).and_then(Doc::as_str).unwrap_or_default()
}

/// A static pod's mirror: made by a node, so it must not lend that node anything.
pub(super) fn is_mirror(pod: &Doc) -> bool {
    pod["metadata"]["annotations"].get(MIRROR).is_some()
}

/// Everything of its own namespace that the pod names.
pub(super) fn of_pod(pod: &Doc) -> Vec<(Kind, String)> {
    let mut found = Vec::new();
    let mut add = |kind: Kind, name: &str| {
        if !name.is_empty() && !found.iter().any(|(k, n)| *k == kind && n == name) {
            found.push((kind, name.to_owned()));
        }
    };
    add(Kind::ServiceAccount, text(pod, "/spec/serviceAccountName"));
    list(pod, "/spec/imagePullSecrets").for_each(|s| add(Kind::Secret, text(s, "/name")));
    for containers in ["/spec/containers", "/spec/initContainers", "/spec/ephemeralContainers"] {
        list(pod, containers).for_each(|c| of_container(c, &mut add));
    }
    for volume in list(pod, "/spec/volumes") {
        of_volume(text(pod, "/metadata/name"), volume, &mut add);
    }
    of_claims(pod, &mut add);
    found
}

fn of_container(container: &Doc, add: &mut impl FnMut(Kind, &str)) {
    for source in list(container, "/envFrom") {
        add(Kind::Secret, text(source, "/secretRef/name"));
        add(Kind::ConfigMap, text(source, "/configMapRef/name"));
    }
    for variable in list(container, "/env") {
        add(Kind::Secret, text(variable, "/valueFrom/secretKeyRef/name"));
        add(Kind::ConfigMap, text(variable, "/valueFrom/configMapKeyRef/name"));
    }
}

fn of_volume(pod: &str, volume: &Doc, add: &mut impl FnMut(Kind, &str)) {
    for (source, pointer) in POD_SECRETS {
        add(Kind::Secret, text(&volume[source], pointer));
    }
    add(Kind::ConfigMap, text(volume, "/configMap/name"));
    add(Kind::Claim, text(volume, "/persistentVolumeClaim/claimName"));
    if !volume["ephemeral"].is_null() {
        add(Kind::Claim, &format!("{pod}-{}", text(volume, "/name")));
    }
    for source in list(volume, "/projected/sources") {
        add(Kind::Secret, text(source, "/secret/name"));
        add(Kind::ConfigMap, text(source, "/configMap/name"));
    }
}

fn of_claims(pod: &Doc, add: &mut impl FnMut(Kind, &str)) {
    for claim in list(pod, "/spec/resourceClaims") {
        add(Kind::ResourceClaim, text(claim, "/resourceClaimName"));
        let made = list(pod, "/status/resourceClaimStatuses").filter(|s| s["name"] == claim["name"]);
        made.for_each(|s| add(Kind::ResourceClaim, text(s, "/resourceClaimName")));
    }
    add(Kind::ResourceClaim, text(pod, "/status/extendedResourceClaimStatus/resourceClaimName"));
}

/// Secrets (namespace, name) that a kubelet needs to mount the volume.
pub(super) fn secrets_of_volume(volume: &Doc) -> Vec<(String, String)> {
    let claim_namespace = text(volume, "/spec/claimRef/namespace");
    let mut found = Vec::new();
    let mut add = |namespace: &str, name: &str| {
        if !name.is_empty() {
            let namespace = if namespace.is_empty() { claim_namespace } else { namespace };
            found.push((namespace.to_owned(), name.to_owned()));
        }
    };
    let spec = &volume["spec"];
    add(text(spec, "/azureFile/secretNamespace"), text(spec, "/azureFile/secretName"));
    for source in ["cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"] {
        add(text(&spec[source], "/secretRef/namespace"), text(&spec[source], "/secretRef/name"));
    }
    for reference in ["nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"] {
        add(text(&spec["csi"][reference], "/namespace"), text(&spec["csi"][reference], "/name"));
    }
    found
}
