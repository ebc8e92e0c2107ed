//! Objects as text, rows as text.

use super::columns;
use meta::{Doc, Time};

const MINOR: u32 = 36;

fn now() -> Time {
    Time::parse("2026-11-20T12:00:00Z").expect("a valid time")
}

/// A row with its wide columns, cells parted by ` | `.
fn row(group: &str, kind: &str, minor: u32, object: &str) -> String {
    let mut doc: Doc = serde_json::from_str(object).unwrap_or_else(|e| panic!("{e} in {object}"));
    let metadata = doc.as_object_mut().expect("an object").entry("metadata").or_insert_with(|| serde_json::json!({}));
    for (key, value) in [("name", "x"), ("creationTimestamp", "2026-11-20T11:55:00Z")] {
        metadata.as_object_mut().expect("an object").entry(key).or_insert_with(|| value.into());
    }
    let cells = columns(group, kind, minor);
    cells.iter().map(|c| c.value(&doc, now())).map(|cell| shown(&cell)).collect::<Vec<_>>().join(" | ")
}

fn shown(cell: &Doc) -> String {
    cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)
}

fn check(group: &str, kind: &str, cases: &[(&str, &str)]) {
    for (object, expected) in cases {
        assert_eq!(row(group, kind, MINOR, object), *expected, "{kind} {object}");
    }
}

#[test]
fn headers_read_as_upstream_writes_them() {
    for (group, kind, minor, expected) in [
        ("", "Pod", 36, "Name Ready Status Restarts Age IP* Node* Nominated_Node* Readiness_Gates*"),
        ("apps", "Deployment", 36, "Name Ready Up-to-date Available Age Containers* Images* Selector*"),
        ("", "Service", 36, "Name Type Cluster-IP External-IP Port(s) Age Selector*"),
        ("", "Event", 36, "Last_Seen Type Reason Object Subobject* Source* Message First_Seen* Count* Name*"),
        ("", "Node", 36, "Name Status Roles Age Version Internal-IP* External-IP* OS-Image* Kernel-Version* Container-Runtime*"),
        ("", "ServiceAccount", 34, "Name Secrets Age"),
        ("", "ServiceAccount", 35, "Name Age"),
        ("batch", "Job", 36, "Name Status Completions Duration Age Containers* Images* Selector*"),
        ("batch", "CronJob", 36, "Name Schedule Timezone Suspend Active Last_Schedule Age Containers* Images* Selector*"),
        ("apiregistration.k8s.io", "APIService", 36, "Name Service Available Age"),
        ("apiextensions.k8s.io", "CustomResourceDefinition", 36, "Name Created_At"),
        ("rbac.authorization.k8s.io", "Role", 36, "Name Created_At"),
        ("", "LimitRange", 36, "Name Created_At"),
        ("storage.k8s.io", "CSIStorageCapacity", 36, "Name Created_At"),
        ("storagemigration.k8s.io", "StorageVersionMigration", 34, "Name Resource"),
        ("example.com", "Unknown", 36, "Name Created_At"),
    ] {
        let header = |c: &crate::Column| format!("{}{}", c.name.replace(' ', "_"), if c.priority > 0 { "*" } else { "" });
        let got: Vec<String> = columns(group, kind, minor).iter().map(header).collect();
        assert_eq!(got.join(" "), expected, "{group} {kind} {minor}");
    }
}

/// Ready, status and restarts of a pod with containers a and b.
fn pod(minor: u32, parts: &str) -> String {
    let object = format!(r#"{{"spec":{{"containers":[{{"name":"a"}},{{"name":"b"}}]}},{parts}}}"#);
    row("", "Pod", minor, &object).split(" | ").skip(1).take(3).collect::<Vec<_>>().join(" ")
}

#[test]
fn pods_show_the_state_that_matters() {
    let running = r#"{"name":"a","ready":true,"state":{"running":{}}}"#;
    let crash = r#"{"name":"b","restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"finishedAt":"2026-11-20T11:55:00Z"}}}"#;
    let done = r#"{"name":"b","state":{"terminated":{"exitCode":0,"reason":"Completed"}}}"#;
    let done_first = r#"{"name":"a","state":{"terminated":{"exitCode":0,"reason":"Completed"}}}"#;
    let failed = r#"{"name":"b","state":{"terminated":{"exitCode":3,"reason":"Error"}}}"#;
    let ready = r#"[{"type":"Ready","status":"True"}]"#;
    let statuses = |phase: &str, containers: &[&str]| {
        format!(r#""status":{{"phase":"{phase}","containerStatuses":[{}]}}"#, containers.join(","))
    };
    for (parts, expected) in [
        (r#""status":{"phase":"Pending"}"#.to_owned(), "0/2 Pending 0"),
        (
            r#""status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]}"#
                .into(),
            "0/2 SchedulingGated 0",
        ),
        (statuses("Running", &[running, running]), "2/2 Running 0"),
        (statuses("Running", &[running, crash]), "1/2 CrashLoopBackOff 4 (5m ago)"),
        (statuses("Pending", &[r#"{"state":{"waiting":{"reason":"ContainerCreating"}}}"#]), "0/2 ContainerCreating 0"),
        (statuses("Pending", &[r#"{"state":{"waiting":{"reason":"ImagePullBackOff"}}}"#]), "0/2 ImagePullBackOff 0"),
        (statuses("Succeeded", &[done_first, done]), "0/2 Completed 0"),
        (statuses("Failed", &[failed]), "0/2 Error 0"),
        (statuses("Failed", &[r#"{"state":{"terminated":{"exitCode":137,"signal":9}}}"#]), "0/2 Signal:9 0"),
        (statuses("Failed", &[r#"{"state":{"terminated":{"exitCode":2}}}"#]), "0/2 ExitCode:2 0"),
        (
            format!(
                r#""status":{{"conditions":{ready},"containerStatuses":[{done_first},{}]}}"#,
                running.replace("\"a\"", "\"b\"")
            ),
            "1/2 Running 0",
        ),
        (statuses("Running", &[done_first, &running.replace("\"a\"", "\"b\"")]), "1/2 NotReady 0"),
        (statuses("Failed", &[done_first, failed]), "0/2 Error 0"),
        (r#""status":{"phase":"Failed","reason":"Evicted"}"#.into(), "0/2 Evicted 0"),
        (r#""metadata":{"deletionTimestamp":"2026-11-20T11:59:00Z"},"status":{"phase":"Running"}"#.into(), "0/2 Terminating 0"),
        (r#""metadata":{"deletionTimestamp":"2026-11-20T11:59:00Z"},"status":{"phase":"Succeeded"}"#.into(), "0/2 Succeeded 0"),
        (
            r#""metadata":{"deletionTimestamp":"2026-11-20T11:59:00Z"},"status":{"phase":"Running","reason":"NodeLost"}"#.into(),
            "0/2 Unknown 0",
        ),
    ] {
        assert_eq!(pod(MINOR, &parts), expected, "{parts}");
    }
    assert_eq!(pod(34, &statuses("Failed", &[done_first, failed])), "0/2 Completed 0");
}

#[test]
fn init_containers_are_counted_until_they_are_done() {
    let cases = [
        (r#"[]"#, "0/2 Pending 0"),
        (r#"[{"name":"i","state":{"running":{}}}]"#, "0/2 Init:0/2 0"),
        (
            r#"[{"name":"i","state":{"terminated":{"exitCode":0}}},{"name":"s","restartCount":1,"state":{"waiting":{"reason":"PodInitializing"}}}]"#,
            "0/2 Init:1/2 1",
        ),
        (r#"[{"name":"i","restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]"#, "0/2 Init:CrashLoopBackOff 2"),
        (r#"[{"name":"i","state":{"terminated":{"exitCode":1}}}]"#, "0/2 Init:ExitCode:1 0"),
        (r#"[{"name":"i","state":{"terminated":{"exitCode":137,"signal":9}}}]"#, "0/2 Init:Signal:9 0"),
        (r#"[{"name":"i","state":{"terminated":{"exitCode":1,"reason":"OOMKilled"}}}]"#, "0/2 Init:OOMKilled 0"),
        (
            r#"[{"name":"i","restartCount":5,"state":{"terminated":{"exitCode":0}}},{"name":"s","restartCount":1,"started":true,"ready":true,"state":{"running":{}}}]"#,
            "1/2 Pending 1",
        ),
    ];
    for (statuses, expected) in cases {
        let object = format!(
            r#"{{"spec":{{"containers":[{{"name":"a"}}],"initContainers":[{{"name":"i"}},{{"name":"s","restartPolicy":"Always"}}]}},
            "status":{{"phase":"Pending","initContainerStatuses":{statuses}}}}}"#
        );
        let got = row("", "Pod", MINOR, &object).split(" | ").skip(1).take(3).collect::<Vec<_>>().join(" ");
        assert_eq!(got, expected, "{statuses}");
    }
}

#[test]
fn wide_pods() {
    check(
        "",
        "Pod",
        &[
            ("{}", "x | 0/0 |  | 0 | 5m | <none> | <none> | <none> | <none>"),
            (
                r#"{"spec":{"nodeName":"n","readinessGates":[{"conditionType":"g"},{"conditionType":"h"}]},
               "status":{"podIPs":[{"ip":"10.0.0.1"}],"nominatedNodeName":"m","conditions":[{"type":"g","status":"True"}]}}"#,
                "x | 0/0 |  | 0 | 5m | 10.0.0.1 | n | m | 1/2",
            ),
        ],
    );
}

#[test]
fn workloads() {
    let template = r#""template":{"spec":{"containers":[{"name":"a","image":"i:1"},{"name":"b","image":"j"}]}}"#;
    let with = |spec: &str, rest: &str| format!(r#"{{"spec":{{{spec},{template}}}{rest}}}"#);
    for (group, kind, object, expected) in [
        (
            "apps",
            "Deployment",
            with(
                r#""replicas":3,"selector":{"matchLabels":{"app":"w"}}"#,
                r#","status":{"readyReplicas":2,"updatedReplicas":3,"availableReplicas":2}"#,
            ),
            "x | 2/3 | 3 | 2 | 5m | a,b | i:1,j | app=w",
        ),
        ("apps", "Deployment", with(r#""replicas":1,"selector":{}"#, ""), "x | 0/1 | 0 | 0 | 5m | a,b | i:1,j | "),
        (
            "apps",
            "ReplicaSet",
            with(
                r#""replicas":2,"selector":{"matchLabels":{"z":"1"},"matchExpressions":[{"key":"a","operator":"In","values":["q","p"]}]}"#,
                "",
            ),
            "x | 2 | 0 | 0 | 5m | a,b | i:1,j | a in (p,q),z=1",
        ),
        ("apps", "StatefulSet", with(r#""replicas":2"#, r#","status":{"readyReplicas":1}"#), "x | 1/2 | 5m | a,b | i:1,j"),
        (
            "apps",
            "DaemonSet",
            with(r#""selector":{}"#, r#","status":{"desiredNumberScheduled":3,"currentNumberScheduled":2,"numberReady":1}"#),
            "x | 3 | 2 | 1 | 0 | 0 | <none> | 5m | a,b | i:1,j | <none>",
        ),
        ("", "ReplicationController", with(r#""replicas":1,"selector":{"a":"b"}"#, ""), "x | 1 | 0 | 0 | 5m | a,b | i:1,j | a=b"),
        (
            "batch",
            "Job",
            with(r#""completions":2,"selector":{}"#, r#","status":{"succeeded":1,"startTime":"2026-11-20T11:56:00Z"}"#),
            "x | Running | 1/2 | 4m | 5m | a,b | i:1,j | <none>",
        ),
        (
            "batch",
            "Job",
            with(
                r#""parallelism":3"#,
                r#","status":{"startTime":"2026-11-20T11:56:00Z","completionTime":"2026-11-20T11:56:07Z","conditions":[{"type":"Complete","status":"True"}]}"#,
            ),
            "x | Complete | 0/1 of 3 | 7s | 5m | a,b | i:1,j | <none>",
        ),
    ] {
        assert_eq!(row(group, kind, MINOR, &object), expected, "{kind} {object}");
    }
    check(
        "batch",
        "CronJob",
        &[(
            r#"{"spec":{"schedule":"* * * * *","suspend":false,"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"d"}]}}}}},
           "status":{"active":[{}],"lastScheduleTime":"2026-11-20T11:59:30Z"}}"#,
            "x | * * * * * | <none> | False | 1 | 30s | 5m | c | d | <none>",
        )],
    );
    check(
        "apps",
        "ControllerRevision",
        &[(
            r#"{"revision":2,"metadata":{"ownerReferences":[{"controller":true,"apiVersion":"apps/v1","kind":"DaemonSet","name":"d"}]}}"#,
            "x | daemonset.apps/d | 2 | 5m",
        )],
    );
}

#[test]
fn services_and_their_endpoints() {
    check(
        "",
        "Service",
        &[
            (
                r#"{"spec":{"type":"ClusterIP","clusterIPs":["10.1.2.3"],"ports":[{"port":80,"protocol":"TCP"}],"selector":{"a":"b","c":"d"}}}"#,
                "x | ClusterIP | 10.1.2.3 | <none> | 80/TCP | 5m | a=b,c=d",
            ),
            (r#"{"spec":{"type":"ClusterIP","clusterIPs":["None"]}}"#, "x | ClusterIP | None | <none> | <none> | 5m | <none>"),
            (
                r#"{"spec":{"type":"LoadBalancer","clusterIPs":["10.1.2.3"],"ports":[{"port":80,"nodePort":30080,"protocol":"TCP"}]}}"#,
                "x | LoadBalancer | 10.1.2.3 | <pending> | 80:30080/TCP | 5m | <none>",
            ),
            (
                r#"{"spec":{"type":"LoadBalancer","externalIPs":["1.2.3.4"]},"status":{"loadBalancer":{"ingress":[{"hostname":"a-long-name.elb.us-east-1.amazonaws.com"}]}}}"#,
                "x | LoadBalancer | <none> | a-long-name.elb.us-east-1.amazonaws.com,1.2.3.4 | <none> | 5m | <none>",
            ),
            (
                r#"{"spec":{"type":"ExternalName","externalName":"e.org"}}"#,
                "x | ExternalName | <none> | e.org | <none> | 5m | <none>",
            ),
        ],
    );
    check(
        "",
        "Endpoints",
        &[
            ("{}", "x | <none> | 5m"),
            (
                r#"{"subsets":[{"addresses":[{"ip":"1.1.1.1"},{"ip":"1.1.1.2"}],"ports":[{"port":80},{"port":443}]}]}"#,
                "x | 1.1.1.1:80,1.1.1.2:80,1.1.1.1:443 + 1 more... | 5m",
            ),
            (r#"{"subsets":[{"addresses":[{"ip":"1.1.1.1"}]}]}"#, "x | 1.1.1.1 | 5m"),
        ],
    );
    check(
        "discovery.k8s.io",
        "EndpointSlice",
        &[
            (r#"{"addressType":"IPv4"}"#, "x | IPv4 | <unset> | <unset> | 5m"),
            (
                r#"{"addressType":"IPv4","ports":[{"port":80},{"name":"n"},{}],"endpoints":[{"addresses":["1.1.1.1"]},{"addresses":["1.1.1.2"]}]}"#,
                "x | IPv4 | 80,n,* | 1.1.1.1,1.1.1.2 | 5m",
            ),
        ],
    );
    check(
        "networking.k8s.io",
        "Ingress",
        &[
            (r#"{"spec":{"rules":[{}]}}"#, "x | <none> | * |  | 80 | 5m"),
            (
                r#"{"spec":{"ingressClassName":"alb","tls":[{}],"rules":[{"host":"a"},{"host":"b"},{"host":"c"},{"host":"d"}]},
               "status":{"loadBalancer":{"ingress":[{"ip":"2.2.2.2"},{"ip":"1.1.1.1"}]}}}"#,
                "x | alb | a,b,c + 1 more... | 1.1.1.1,2.2.2.2 | 80, 443 | 5m",
            ),
        ],
    );
    check(
        "networking.k8s.io",
        "IngressClass",
        &[(
            r#"{"metadata":{"annotations":{"ingressclass.kubernetes.io/is-default-class":"true"}},"spec":{"controller":"c","parameters":{"apiGroup":"g","kind":"K","name":"n"}}}"#,
            "x (default) | c | K.g/n | 5m",
        )],
    );
    check(
        "networking.k8s.io",
        "IPAddress",
        &[(r#"{"spec":{"parentRef":{"resource":"services","namespace":"n","name":"s"}}}"#, "x | services/n/s")],
    );
    check("networking.k8s.io", "NetworkPolicy", &[(r#"{"spec":{"podSelector":{}}}"#, "x | <none> | 5m")]);
}

#[test]
fn the_rest_of_the_core_group() {
    let node = r#"{"metadata":{"labels":{"node-role.kubernetes.io/worker":"","kubernetes.io/role":"edge"}},"spec":{"unschedulable":true},
        "status":{"conditions":[{"type":"Ready","status":"True"}],"addresses":[{"type":"InternalIP","address":"10.0.0.5"}],
        "nodeInfo":{"kubeletVersion":"v1.36.0","kernelVersion":"6.1","architecture":"amd64","containerRuntimeVersion":"r://1"}}}"#;
    check(
        "",
        "Node",
        &[
            (
                node,
                "x | Ready,SchedulingDisabled | edge,worker | 5m | v1.36.0 | 10.0.0.5 | <none> | <unknown> | 6.1 (amd64) | r://1",
            ),
            (
                r#"{"status":{"conditions":[{"type":"Ready","status":"Unknown"}]}}"#,
                "x | NotReady | <none> | 5m |  | <none> | <none> | <unknown> | <unknown> | <unknown>",
            ),
        ],
    );
    assert!(row("", "Node", 35, node).contains("| 6.1 |"));
    check("", "Namespace", &[(r#"{"status":{"phase":"Active"}}"#, "x | Active | 5m")]);
    check("", "ConfigMap", &[(r#"{"data":{"a":"b"},"binaryData":{"c":"d"}}"#, "x | 2 | 5m"), ("{}", "x | 0 | 5m")]);
    check("", "Secret", &[(r#"{"type":"Opaque","data":{"a":"b"}}"#, "x | Opaque | 1 | 5m")]);
    check("", "ServiceAccount", &[("{}", "x | 5m")]);
    check(
        "",
        "ResourceQuota",
        &[(r#"{"status":{"hard":{"pods":"10","limits.cpu":"2"},"used":{"pods":"3"}}}"#, "x | pods: 3/10 | limits.cpu: 0/2 | 5m")],
    );
    check("", "LimitRange", &[("{}", "x | 2026-11-20T11:55:00Z")]);
    check(
        "",
        "Event",
        &[
            (
                r#"{"involvedObject":{"kind":"Pod","name":"p","fieldPath":"spec"},"type":"Normal","reason":"Pulled","message":" done \n",
               "source":{"component":"kubelet","host":"n"},"firstTimestamp":"2026-11-20T11:50:00Z","lastTimestamp":"2026-11-20T11:59:00Z","count":7}"#,
                "60s | Normal | Pulled | pod/p | spec | kubelet, n | done | 10m | 7 | x",
            ),
            (
                r#"{"involvedObject":{"kind":"Node"},"eventTime":"2026-11-20T11:58:00.000000Z","reportingComponent":"c"}"#,
                "2m |  |  | node |  | c |  | 2m | 1 | x",
            ),
        ],
    );
    check(
        "events.k8s.io",
        "Event",
        &[(
            r#"{"regarding":{"kind":"Pod","name":"p"},"note":"n","eventTime":"2026-11-20T11:58:00.000000Z","reportingController":"c","reportingInstance":"i",
           "series":{"count":4,"lastObservedTime":"2026-11-20T11:59:50.000000Z"}}"#,
            "10s |  |  | pod/p |  | c, i | n | 2m | 4 | x",
        )],
    );
}

#[test]
fn volumes() {
    check(
        "",
        "PersistentVolume",
        &[(
            r#"{"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteMany","ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Delete",
           "claimRef":{"namespace":"n","name":"c"},"storageClassName":"gp3","volumeMode":"Filesystem"},"status":{"phase":"Bound"}}"#,
            "x | 1Gi | RWO,RWX | Delete | Bound | n/c | gp3 | <unset> |  | 5m | Filesystem",
        )],
    );
    check(
        "",
        "PersistentVolumeClaim",
        &[
            (
                r#"{"spec":{"storageClassName":"gp3"},"status":{"phase":"Pending"}}"#,
                "x | Pending |  |  |  | gp3 | <unset> | 5m | <unset>",
            ),
            (
                r#"{"metadata":{"deletionTimestamp":"2026-11-20T11:59:00Z"},"spec":{"volumeName":"v"},"status":{"phase":"Bound","capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOncePod"]}}"#,
                "x | Terminating | v | 1Gi | RWOP |  | <unset> | 5m | <unset>",
            ),
        ],
    );
    check(
        "storage.k8s.io",
        "StorageClass",
        &[(
            r#"{"metadata":{"annotations":{"storageclass.kubernetes.io/is-default-class":"true"}},"provisioner":"ebs.csi.aws.com","volumeBindingMode":"WaitForFirstConsumer"}"#,
            "x (default) | ebs.csi.aws.com | Delete | WaitForFirstConsumer | false | 5m",
        )],
    );
    check("storage.k8s.io", "CSIDriver", &[("{\"spec\":{}}", "x | true | false | false | <unset> | false | <none> | 5m")]);
    check("storage.k8s.io", "CSINode", &[(r#"{"spec":{"drivers":[{}]}}"#, "x | 1 | 5m")]);
    check(
        "storage.k8s.io",
        "VolumeAttachment",
        &[(r#"{"spec":{"attacher":"a","nodeName":"n","source":{}}}"#, "x | a |  | n | false | 5m")],
    );
}

#[test]
fn access_and_admission() {
    let binding = r#"{"roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","name":"u"},{"kind":"User","name":"v"},
        {"kind":"Group","name":"g"},{"kind":"ServiceAccount","namespace":"n","name":"s"}]}"#;
    for kind in ["RoleBinding", "ClusterRoleBinding"] {
        check("rbac.authorization.k8s.io", kind, &[(binding, "x | ClusterRole/view | 5m | u, v | g | n/s")]);
    }
    check(
        "certificates.k8s.io",
        "CertificateSigningRequest",
        &[
            (r#"{"spec":{"username":"u"}}"#, "x | 5m | <none> | u | <none> | Pending"),
            (
                r#"{"spec":{"signerName":"s","username":"u","expirationSeconds":3600},"status":{"certificate":"YQ==","conditions":[{"type":"Approved"}]}}"#,
                "x | 5m | s | u | 60m | Approved,Issued",
            ),
        ],
    );
    check("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", &[(r#"{"webhooks":[{},{}]}"#, "x | 2 | 5m")]);
    check(
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        &[(r#"{"spec":{"validations":[{}]}}"#, "x | 1 | <unset> | 5m")],
    );
    check(
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicyBinding",
        &[(r#"{"spec":{"policyName":"p","paramRef":{"name":"n"}}}"#, "x | p | */n | 5m")],
    );
}

#[test]
fn autoscaling_and_the_small_groups() {
    check(
        "autoscaling",
        "HorizontalPodAutoscaler",
        &[
            (
                r#"{"spec":{"scaleTargetRef":{"kind":"Deployment","name":"d"},"minReplicas":1,"maxReplicas":5,"metrics":[
               {"type":"Resource","resource":{"name":"cpu","target":{"averageUtilization":80}}},
               {"type":"Pods","pods":{"target":{"averageValue":"10"}}},{"type":"External","external":{"target":{"value":"3"}}}]},
               "status":{"currentReplicas":2,"currentMetrics":[{"resource":{"current":{"averageUtilization":40}}}]}}"#,
                "x | Deployment/d | cpu: 40%/80%, <unknown>/10 + 1 more... | 1 | 5 | 2 | 5m",
            ),
            (
                r#"{"spec":{"scaleTargetRef":{"kind":"Deployment","name":"d"},"maxReplicas":5,"targetCPUUtilizationPercentage":50}}"#,
                "x | Deployment/d | cpu: <unknown>/50% | <unset> | 5 | 0 | 5m",
            ),
            (r#"{"spec":{"scaleTargetRef":{"kind":"D","name":"d"}}}"#, "x | D/d | <none> | <unset> | 0 | 0 | 5m"),
        ],
    );
    check(
        "policy",
        "PodDisruptionBudget",
        &[
            (r#"{"spec":{"minAvailable":1},"status":{"disruptionsAllowed":2}}"#, "x | 1 | N/A | 2 | 5m"),
            (r#"{"spec":{"maxUnavailable":"50%"}}"#, "x | N/A | 50% | 0 | 5m"),
        ],
    );
    check("coordination.k8s.io", "Lease", &[(r#"{"spec":{"holderIdentity":"h"}}"#, "x | h | 5m")]);
    check("scheduling.k8s.io", "PriorityClass", &[(r#"{"value":7,"preemptionPolicy":"Never"}"#, "x | 7 | false | 5m | Never")]);
    check("node.k8s.io", "RuntimeClass", &[(r#"{"handler":"h"}"#, "x | h | 5m")]);
    check(
        "flowcontrol.apiserver.k8s.io",
        "FlowSchema",
        &[(
            r#"{"spec":{"priorityLevelConfiguration":{"name":"p"},"matchingPrecedence":5},"status":{"conditions":[{"type":"Dangling","status":"False"}]}}"#,
            "x | p | 5 | <none> | 5m | False",
        )],
    );
    check(
        "flowcontrol.apiserver.k8s.io",
        "PriorityLevelConfiguration",
        &[(r#"{"spec":{"type":"Exempt"}}"#, "x | Exempt | <none> | <none> | <none> | <none> | 5m")],
    );
    check(
        "apiregistration.k8s.io",
        "APIService",
        &[
            (
                r#"{"spec":{},"status":{"conditions":[{"type":"Available","status":"True","reason":"Local"}]}}"#,
                "x | Local | True | 5m",
            ),
            (
                r#"{"spec":{"service":{"namespace":"n","name":"s"}},"status":{"conditions":[{"type":"Available","status":"False","reason":"MissingEndpoints"}]}}"#,
                "x | n/s | False (MissingEndpoints) | 5m",
            ),
        ],
    );
    check(
        "resource.k8s.io",
        "ResourceClaim",
        &[(r#"{"status":{"allocation":{},"reservedFor":[{}]}}"#, "x | allocated,reserved | 5m"), ("{}", "x | pending | 5m")],
    );
}

/// Served kinds that can be listed and have upstream's default columns, over all minors.
const DEFAULTS: &[&str] = &[
    "CSIStorageCapacity.storage.k8s.io",
    "ClusterRole.rbac.authorization.k8s.io",
    "CustomResourceDefinition.apiextensions.k8s.io",
    "LimitRange.",
    "Role.rbac.authorization.k8s.io",
];

#[test]
fn every_listed_kind_has_a_printer_or_is_known_to_have_none() {
    let mut plain = std::collections::BTreeSet::new();
    for minor in schema::MINORS {
        let catalog = crate::Catalog::new(minor).expect("a supported minor");
        for def in catalog.iter().filter(|d| d.allows("list")) {
            if def.columns.iter().any(|c| c.name == "Created At") {
                plain.insert(format!("{}.{}", def.kind, def.gvr.group));
            }
            // Whatever the object, printing it does not fail.
            let empty: Vec<Doc> = def.columns.iter().map(|c| c.value(&Doc::Null, now())).collect();
            assert_eq!(empty.len(), def.columns.len());
        }
    }
    assert_eq!(plain.into_iter().collect::<Vec<_>>(), DEFAULTS);
}
