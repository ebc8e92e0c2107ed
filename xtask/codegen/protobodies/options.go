package main

import (
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

func options() []runtime.Object {
	remove := meta.DeleteOptions{TypeMeta: kind("v1", "DeleteOptions"), GracePeriodSeconds: to(int64(0)), PropagationPolicy: to(meta.DeletePropagationForeground),
		Preconditions: &meta.Preconditions{UID: to(types.UID("u")), ResourceVersion: to("5")}, DryRun: []string{meta.DryRunAll}}
	// Inside of another object the kind goes without saying in protobuf.
	nested := remove
	nested.TypeMeta = meta.TypeMeta{}
	return []runtime.Object{
		&remove,
		&meta.DeleteOptions{TypeMeta: kind("meta.k8s.io/v1", "DeleteOptions"), OrphanDependents: to(false)},
		&meta.DeleteOptions{TypeMeta: kind("apps/v1", "DeleteOptions")},
		&policy.Eviction{TypeMeta: kind("policy/v1", "Eviction"), ObjectMeta: named("p"), DeleteOptions: &nested},
		&core.Binding{TypeMeta: kind("v1", "Binding"), ObjectMeta: named("p"), Target: core.ObjectReference{Kind: "Node", Name: "n"}},
		&autoscaling.Scale{TypeMeta: kind("autoscaling/v1", "Scale"), ObjectMeta: named("d")},
		&apps.ControllerRevision{TypeMeta: kind("apps/v1", "ControllerRevision"), ObjectMeta: named("cr"), Revision: 2,
			Data: runtime.RawExtension{Raw: []byte(`{"spec":{"template":{"$patch":"replace"}}}`)}},
	}
}
