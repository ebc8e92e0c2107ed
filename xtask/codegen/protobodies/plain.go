package main

import (
	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"time"
)

func kind(apiVersion, kind string) meta.TypeMeta {
	return meta.TypeMeta{APIVersion: apiVersion, Kind: kind}
}

func to[T any](value T) *T { return &value }

func named(name string) meta.ObjectMeta { return meta.ObjectMeta{Name: name, Namespace: "default"} }

func moment() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC) }

func full() meta.ObjectMeta {
	before := time.Date(1969, 12, 31, 23, 59, 58, 0, time.UTC)
	return meta.ObjectMeta{
		Name: "full", GenerateName: "fu", Namespace: "default", UID: types.UID("0f"), ResourceVersion: "7", Generation: 3,
		CreationTimestamp: meta.NewTime(moment()), DeletionTimestamp: to(meta.NewTime(before)), DeletionGracePeriodSeconds: to(int64(0)),
		Labels: map[string]string{"a": "b", "empty": ""}, Annotations: map[string]string{"ü": "ß\n"}, Finalizers: []string{"x/y", ""},
		OwnerReferences: []meta.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n", UID: "u", Controller: to(true), BlockOwnerDeletion: to(false)}},
		ManagedFields: []meta.ManagedFieldsEntry{{Manager: "m", Operation: meta.ManagedFieldsOperationApply, APIVersion: "v1", Time: to(meta.NewTime(moment())),
			FieldsType: "FieldsV1", FieldsV1: &meta.FieldsV1{Raw: []byte(`{"f:data":{".":{}}}`)}}},
	}
}

func plain() []runtime.Object {
	return []runtime.Object{
		&core.Namespace{TypeMeta: kind("v1", "Namespace"), ObjectMeta: meta.ObjectMeta{Name: "x"}},
		&core.ConfigMap{TypeMeta: kind("v1", "ConfigMap"), ObjectMeta: full(), Data: map[string]string{"a": "1", "b": ""},
			BinaryData: map[string][]byte{"raw": {0, 255, 1}, "none": {}}, Immutable: to(false)},
		&core.Secret{TypeMeta: kind("v1", "Secret"), ObjectMeta: named("s"), Type: core.SecretTypeOpaque,
			Data: map[string][]byte{"key": []byte("value")}, StringData: map[string]string{"k": "v"}},
		&core.ServiceAccount{TypeMeta: kind("v1", "ServiceAccount"), ObjectMeta: named("sa"), AutomountServiceAccountToken: to(false),
			Secrets: []core.ObjectReference{{Name: "s"}}, ImagePullSecrets: []core.LocalObjectReference{{Name: "p"}}},
		&authentication.TokenRequest{TypeMeta: kind("authentication.k8s.io/v1", "TokenRequest"), Spec: authentication.TokenRequestSpec{
			Audiences: []string{"sts.amazonaws.com"}, ExpirationSeconds: to(int64(3600)), BoundObjectRef: &authentication.BoundObjectReference{Kind: "Pod", Name: "p"}}},
		&authentication.TokenRequest{TypeMeta: kind("authentication.k8s.io/v1", "TokenRequest")},
		&authorization.SubjectAccessReview{TypeMeta: kind("authorization.k8s.io/v1", "SubjectAccessReview"), Spec: authorization.SubjectAccessReviewSpec{
			User: "u", Groups: []string{"g"}, Extra: map[string]authorization.ExtraValue{"scopes": {"a", "b"}, "none": {}},
			ResourceAttributes: &authorization.ResourceAttributes{Verb: "get", Resource: "pods"}}},
		&rbac.RoleBinding{TypeMeta: kind("rbac.authorization.k8s.io/v1", "RoleBinding"), ObjectMeta: named("rb"),
			Subjects: []rbac.Subject{{Kind: "User", APIGroup: rbac.GroupName, Name: "u"}}, RoleRef: rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "Role", Name: "r"}},
		&rbac.ClusterRole{TypeMeta: kind("rbac.authorization.k8s.io/v1", "ClusterRole"), ObjectMeta: meta.ObjectMeta{Name: "cr"},
			Rules:           []rbac.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{""}, Resources: []string{"pods"}}},
			AggregationRule: &rbac.AggregationRule{ClusterRoleSelectors: []meta.LabelSelector{{MatchExpressions: []meta.LabelSelectorRequirement{{Key: "k", Operator: meta.LabelSelectorOpExists}}}, {}}}},
		&coordination.Lease{TypeMeta: kind("coordination.k8s.io/v1", "Lease"), ObjectMeta: named("l"), Spec: coordination.LeaseSpec{
			HolderIdentity: to("me"), LeaseDurationSeconds: to(int32(15)), RenewTime: to(meta.NewMicroTime(moment())), LeaseTransitions: to(int32(0))}},
	}
}
