package main

import (
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func container() core.Container {
	return core.Container{
		Name: "c", Image: "nginx", Command: []string{"sh", ""}, Stdin: true,
		Ports: []core.ContainerPort{{ContainerPort: 80, Protocol: core.ProtocolTCP}},
		Env: []core.EnvVar{{Name: "A"}, {Name: "B", ValueFrom: &core.EnvVarSource{ConfigMapKeyRef: &core.ConfigMapKeySelector{
			LocalObjectReference: core.LocalObjectReference{Name: "cm"}, Key: "k", Optional: to(false)}}},
			{Name: "C", ValueFrom: &core.EnvVarSource{ResourceFieldRef: &core.ResourceFieldSelector{Resource: "limits.cpu"}}}},
		EnvFrom: []core.EnvFromSource{{Prefix: "P_", SecretRef: &core.SecretEnvSource{LocalObjectReference: core.LocalObjectReference{Name: "s"}}}},
		Resources: core.ResourceRequirements{Limits: core.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("1Gi")},
			Requests: core.ResourceList{"cpu": resource.MustParse("0")}},
		LivenessProbe:   &core.Probe{ProbeHandler: core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: "/", Port: intstr.FromString("http")}}, PeriodSeconds: 5},
		ReadinessProbe:  &core.Probe{ProbeHandler: core.ProbeHandler{TCPSocket: &core.TCPSocketAction{Port: intstr.FromInt32(80)}}, TerminationGracePeriodSeconds: to(int64(0))},
		StartupProbe:    &core.Probe{ProbeHandler: core.ProbeHandler{GRPC: &core.GRPCAction{Port: 9, Service: to("")}}},
		Lifecycle:       &core.Lifecycle{PreStop: &core.LifecycleHandler{Sleep: &core.SleepAction{Seconds: 3}}},
		VolumeMounts:    []core.VolumeMount{{Name: "v", MountPath: "/v", ReadOnly: true}},
		SecurityContext: &core.SecurityContext{RunAsUser: to(int64(0)), Privileged: to(false), Capabilities: &core.Capabilities{Drop: []core.Capability{"ALL"}}},
	}
}

func volumes() []core.Volume {
	sources := []core.VolumeSource{
		{EmptyDir: &core.EmptyDirVolumeSource{}},
		{EmptyDir: &core.EmptyDirVolumeSource{Medium: core.StorageMediumMemory, SizeLimit: to(resource.MustParse("1.5Gi"))}},
		{HostPath: &core.HostPathVolumeSource{Path: "/h", Type: to(core.HostPathUnset)}},
		{ConfigMap: &core.ConfigMapVolumeSource{LocalObjectReference: core.LocalObjectReference{Name: "cm"}, DefaultMode: to(int32(420)), Items: []core.KeyToPath{{Key: "k", Path: "p"}}}},
		{Secret: &core.SecretVolumeSource{SecretName: "s", Optional: to(true)}},
		{PersistentVolumeClaim: &core.PersistentVolumeClaimVolumeSource{ClaimName: "c"}},
		{CSI: &core.CSIVolumeSource{Driver: "d", VolumeAttributes: map[string]string{"a": "b"}}},
		{Projected: &core.ProjectedVolumeSource{Sources: []core.VolumeProjection{
			{ServiceAccountToken: &core.ServiceAccountTokenProjection{Audience: "a", ExpirationSeconds: to(int64(3607)), Path: "token"}},
			{DownwardAPI: &core.DownwardAPIProjection{Items: []core.DownwardAPIVolumeFile{{Path: "l", FieldRef: &core.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}}}}},
		{Ephemeral: &core.EphemeralVolumeSource{VolumeClaimTemplate: &core.PersistentVolumeClaimTemplate{Spec: core.PersistentVolumeClaimSpec{
			AccessModes: []core.PersistentVolumeAccessMode{core.ReadWriteOnce}, StorageClassName: to("")}}}},
	}
	var out []core.Volume
	for i, source := range sources {
		out = append(out, core.Volume{Name: string(rune('a' + i)), VolumeSource: source})
	}
	return out
}

func pod() core.PodSpec {
	return core.PodSpec{
		Containers: []core.Container{container()}, Volumes: volumes(), RestartPolicy: core.RestartPolicyNever, HostNetwork: true,
		AutomountServiceAccountToken: to(false), EnableServiceLinks: to(true), TerminationGracePeriodSeconds: to(int64(0)), Priority: to(int32(-5)),
		SecurityContext: &core.PodSecurityContext{SupplementalGroups: []int64{0, -1, 1 << 40}, Sysctls: []core.Sysctl{{Name: "a", Value: "b"}}},
		Tolerations:     []core.Toleration{{Operator: core.TolerationOpExists, TolerationSeconds: to(int64(0))}},
		Affinity: &core.Affinity{NodeAffinity: &core.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &core.NodeSelector{
			NodeSelectorTerms: []core.NodeSelectorTerm{{MatchExpressions: []core.NodeSelectorRequirement{{Key: "k", Operator: core.NodeSelectorOpIn, Values: []string{"v"}}}}}}}},
		TopologySpreadConstraints: []core.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "z", WhenUnsatisfiable: core.DoNotSchedule, LabelSelector: &meta.LabelSelector{}}},
		EphemeralContainers:       []core.EphemeralContainer{{EphemeralContainerCommon: core.EphemeralContainerCommon{Name: "e", Image: "i", TTY: true}, TargetContainerName: "c"}},
		Overhead:                  core.ResourceList{"cpu": resource.MustParse("12E")},
	}
}

func workloads() []runtime.Object {
	template := core.PodTemplateSpec{ObjectMeta: meta.ObjectMeta{Labels: map[string]string{"app": "x"}}, Spec: pod()}
	job := batch.JobSpec{Parallelism: to(int32(0)), BackoffLimit: to(int32(4)), Suspend: to(false), Template: template, PodFailurePolicy: &batch.PodFailurePolicy{
		Rules: []batch.PodFailurePolicyRule{{Action: batch.PodFailurePolicyActionIgnore, OnExitCodes: &batch.PodFailurePolicyOnExitCodesRequirement{
			Operator: batch.PodFailurePolicyOnExitCodesOpIn, Values: []int32{1, 0, -3}}}}}}
	claim := core.PersistentVolumeClaim{ObjectMeta: meta.ObjectMeta{Name: "data"}, Spec: core.PersistentVolumeClaimSpec{
		Resources: core.VolumeResourceRequirements{Requests: core.ResourceList{"storage": resource.MustParse("10Gi")}}}}
	return []runtime.Object{
		&core.Pod{TypeMeta: kind("v1", "Pod"), ObjectMeta: named("p"), Spec: pod()},
		&core.Pod{TypeMeta: kind("v1", "Pod"), ObjectMeta: named("done"), Status: core.PodStatus{Phase: core.PodRunning, StartTime: to(meta.NewTime(moment())),
			ContainerStatuses: []core.ContainerStatus{{Name: "c", State: core.ContainerState{Terminated: &core.ContainerStateTerminated{ExitCode: -1}}}}}},
		&apps.Deployment{TypeMeta: kind("apps/v1", "Deployment"), ObjectMeta: named("d"), Spec: apps.DeploymentSpec{
			Replicas: to(int32(0)), Selector: &meta.LabelSelector{MatchLabels: map[string]string{"app": "x"}}, Template: template,
			Strategy: apps.DeploymentStrategy{RollingUpdate: &apps.RollingUpdateDeployment{MaxUnavailable: to(intstr.FromString("25%")), MaxSurge: to(intstr.FromInt32(0))}}}},
		&apps.StatefulSet{TypeMeta: kind("apps/v1", "StatefulSet"), ObjectMeta: named("ss"), Spec: apps.StatefulSetSpec{
			ServiceName: "s", Template: template, VolumeClaimTemplates: []core.PersistentVolumeClaim{claim}}},
		&batch.Job{TypeMeta: kind("batch/v1", "Job"), ObjectMeta: named("j"), Spec: job},
		&batch.CronJob{TypeMeta: kind("batch/v1", "CronJob"), ObjectMeta: named("cj"), Spec: batch.CronJobSpec{
			Schedule: "* * * * *", Suspend: to(true), JobTemplate: batch.JobTemplateSpec{Spec: job}}},
		&autoscaling.HorizontalPodAutoscaler{TypeMeta: kind("autoscaling/v2", "HorizontalPodAutoscaler"), ObjectMeta: named("h"), Spec: autoscaling.HorizontalPodAutoscalerSpec{
			MaxReplicas: 3, ScaleTargetRef: autoscaling.CrossVersionObjectReference{Kind: "Deployment", Name: "d", APIVersion: "apps/v1"},
			Metrics: []autoscaling.MetricSpec{{Type: autoscaling.ResourceMetricSourceType, Resource: &autoscaling.ResourceMetricSource{Name: "cpu",
				Target: autoscaling.MetricTarget{Type: autoscaling.UtilizationMetricType, AverageUtilization: to(int32(80))}}}},
			Behavior: &autoscaling.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscaling.HPAScalingRules{StabilizationWindowSeconds: to(int32(0)), Tolerance: to(resource.MustParse("50m"))}}}},
	}
}
