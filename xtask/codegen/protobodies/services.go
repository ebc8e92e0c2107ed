package main

import (
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func services() []runtime.Object {
	return []runtime.Object{
		&core.Service{TypeMeta: kind("v1", "Service"), ObjectMeta: named("s"), Spec: core.ServiceSpec{
			Selector: map[string]string{"app": "x"}, AllocateLoadBalancerNodePorts: to(false), ExternalIPs: []string{"1.2.3.4"},
			Ports: []core.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}, {Name: "b", Port: 81, TargetPort: intstr.FromInt32(8081), NodePort: 30000, AppProtocol: to("h2c")}, {Port: 9}}}},
		&discovery.EndpointSlice{TypeMeta: kind("discovery.k8s.io/v1", "EndpointSlice"), ObjectMeta: named("es"), AddressType: discovery.AddressTypeIPv4,
			Endpoints: []discovery.Endpoint{{Addresses: []string{"10.0.0.1"}, Conditions: discovery.EndpointConditions{Ready: to(false)}}}, Ports: []discovery.EndpointPort{{Name: to(""), Port: to(int32(80))}}},
		&networking.Ingress{TypeMeta: kind("networking.k8s.io/v1", "Ingress"), ObjectMeta: named("i"), Spec: networking.IngressSpec{IngressClassName: to("alb"),
			TLS: []networking.IngressTLS{{Hosts: []string{"h"}}},
			Rules: []networking.IngressRule{{Host: "h", IngressRuleValue: networking.IngressRuleValue{HTTP: &networking.HTTPIngressRuleValue{Paths: []networking.HTTPIngressPath{{
				Path: "/", PathType: to(networking.PathTypePrefix), Backend: networking.IngressBackend{Service: &networking.IngressServiceBackend{Name: "s", Port: networking.ServiceBackendPort{Number: 80}}}}}}}}}}},
		&networking.NetworkPolicy{TypeMeta: kind("networking.k8s.io/v1", "NetworkPolicy"), ObjectMeta: named("np"), Spec: networking.NetworkPolicySpec{
			PolicyTypes: []networking.PolicyType{networking.PolicyTypeIngress}, Ingress: []networking.NetworkPolicyIngressRule{{}, {From: []networking.NetworkPolicyPeer{{NamespaceSelector: &meta.LabelSelector{}}}}}}},
		&policy.PodDisruptionBudget{TypeMeta: kind("policy/v1", "PodDisruptionBudget"), ObjectMeta: named("pdb"), Spec: policy.PodDisruptionBudgetSpec{
			MinAvailable: to(intstr.FromString("50%")), Selector: &meta.LabelSelector{MatchLabels: map[string]string{"app": "x"}}},
			Status: policy.PodDisruptionBudgetStatus{DisruptedPods: map[string]meta.Time{"p": meta.NewTime(moment())}}},
	}
}
