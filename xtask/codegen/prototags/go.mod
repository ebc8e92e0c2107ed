// The code generator renders one copy per Kubernetes minor with the versions replaced; this one is for editors.
module prototags

go 1.25

require (
	k8s.io/api v0.37.0
	k8s.io/apiextensions-apiserver v0.37.0
	k8s.io/apimachinery v0.37.0
	k8s.io/client-go v0.37.0
	k8s.io/kube-aggregator v0.37.0
)
