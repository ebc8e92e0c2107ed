//! Facts that none of the packages carry, kept by hand: each list cites where upstream states it.

/// Definitions whose JSON form is a leaf of the table's type language, not a structure.
pub const LEAF_TYPES: &[&str] = &[
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
];

/// Kinds of types that are on the wire but in no OpenAPI document.
pub const EXTRA_KINDS: &[(&str, &str, &str, &str)] = &[
    ("io.k8s.api.admission.v1.AdmissionReview", "admission.k8s.io", "v1", "AdmissionReview"),
    ("io.k8s.api.apidiscovery.v2.APIGroupDiscovery", "apidiscovery.k8s.io", "v2", "APIGroupDiscovery"),
    ("io.k8s.api.apidiscovery.v2.APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList"),
    ("io.k8s.api.core.v1.List", "", "v1", "List"),
    ("io.k8s.api.core.v1.NodeProxyOptions", "", "v1", "NodeProxyOptions"),
    ("io.k8s.api.core.v1.PodAttachOptions", "", "v1", "PodAttachOptions"),
    ("io.k8s.api.core.v1.PodExecOptions", "", "v1", "PodExecOptions"),
    ("io.k8s.api.core.v1.PodLogOptions", "", "v1", "PodLogOptions"),
    ("io.k8s.api.core.v1.PodPortForwardOptions", "", "v1", "PodPortForwardOptions"),
    ("io.k8s.api.core.v1.PodProxyOptions", "", "v1", "PodProxyOptions"),
    ("io.k8s.api.core.v1.ServiceProxyOptions", "", "v1", "ServiceProxyOptions"),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ConversionReview",
        "apiextensions.k8s.io",
        "v1",
        "ConversionReview",
    ),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.CreateOptions", "meta.k8s.io", "v1", "CreateOptions"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata", "meta.k8s.io", "v1", "PartialObjectMetadata"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadataList", "meta.k8s.io", "v1", "PartialObjectMetadataList"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.PatchOptions", "meta.k8s.io", "v1", "PatchOptions"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.Table", "meta.k8s.io", "v1", "Table"),
    ("io.k8s.apimachinery.pkg.apis.meta.v1.UpdateOptions", "meta.k8s.io", "v1", "UpdateOptions"),
];

/// Defaults of fields that are keys of a map list: without them two items cannot be told apart
/// (`+default` markers in staging/src/k8s.io/api/core/v1/types.go).
pub const KEY_DEFAULTS: &[(&str, &str, &str)] =
    &[("io.k8s.api.core.v1.ContainerPort", "protocol", "TCP"), ("io.k8s.api.core.v1.ServicePort", "protocol", "TCP")];

/// Aggregated discovery order (the priorities of cmd/kube-apiserver/app/aggregator.go).
pub const GROUP_ORDER: &[&str] = &[
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "storagemigration.k8s.io",
    "internal.apiserver.k8s.io",
    "lifecycle.k8s.io",
];

/// `ShortNames()` of pkg/registry: group, plural, names.
pub const SHORT_NAMES: &[(&str, &str, &[&str])] = &[
    ("", "componentstatuses", &["cs"]),
    ("", "configmaps", &["cm"]),
    ("", "endpoints", &["ep"]),
    ("", "events", &["ev"]),
    ("", "limitranges", &["limits"]),
    ("", "namespaces", &["ns"]),
    ("", "nodes", &["no"]),
    ("", "persistentvolumeclaims", &["pvc"]),
    ("", "persistentvolumes", &["pv"]),
    ("", "pods", &["po"]),
    ("", "replicationcontrollers", &["rc"]),
    ("", "resourcequotas", &["quota"]),
    ("", "serviceaccounts", &["sa"]),
    ("", "services", &["svc"]),
    ("apps", "daemonsets", &["ds"]),
    ("apps", "deployments", &["deploy"]),
    ("apps", "replicasets", &["rs"]),
    ("apps", "statefulsets", &["sts"]),
    ("events.k8s.io", "events", &["ev"]),
    ("autoscaling", "horizontalpodautoscalers", &["hpa"]),
    ("batch", "cronjobs", &["cj"]),
    ("certificates.k8s.io", "certificatesigningrequests", &["csr"]),
    ("networking.k8s.io", "ingresses", &["ing"]),
    ("networking.k8s.io", "ipaddresses", &["ip"]),
    ("networking.k8s.io", "networkpolicies", &["netpol"]),
    ("policy", "poddisruptionbudgets", &["pdb"]),
    ("storage.k8s.io", "storageclasses", &["sc"]),
    ("storage.k8s.io", "volumeattributesclasses", &["vac"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &["crd", "crds"]),
    ("scheduling.k8s.io", "priorityclasses", &["pc"]),
];

/// `Categories()` of pkg/registry.
pub const ALL: &[(&str, &str)] = &[
    ("", "pods"),
    ("", "services"),
    ("", "replicationcontrollers"),
    ("apps", "daemonsets"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("batch", "cronjobs"),
    ("batch", "jobs"),
];
pub const API_EXTENSIONS: &[&str] = &["apiregistration.k8s.io", "apiextensions.k8s.io", "admissionregistration.k8s.io"];

/// Connect subresources: plural, name, options kind, verbs.
pub const CONNECT: &[(&str, &str, &str, &[&str])] = &[
    ("nodes", "proxy", "NodeProxyOptions", PROXY),
    ("pods", "attach", "PodAttachOptions", STREAM),
    ("pods", "exec", "PodExecOptions", STREAM),
    ("pods", "portforward", "PodPortForwardOptions", STREAM),
    ("pods", "proxy", "PodProxyOptions", PROXY),
    ("services", "proxy", "ServiceProxyOptions", PROXY),
];
const PROXY: &[&str] = &["create", "delete", "get", "patch", "update"];
const STREAM: &[&str] = &["create", "get"];

/// Group, version, kind.
type Kind = (&'static str, &'static str, &'static str);
/// Kinds stored in another version (pkg/kubeapiserver/default_storage_factory_builder.go): served, then stored.
pub const STORED_AS: &[(Kind, Kind)] = &[
    (("autoscaling", "v1", "HorizontalPodAutoscaler"), ("autoscaling", "v2", "HorizontalPodAutoscaler")),
    (("events.k8s.io", "v1", "Event"), ("", "v1", "Event")),
];
