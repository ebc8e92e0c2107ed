// To renew the goldens: go run -mod=mod . > ../../../crates/wire/tests/goldens/protobuf.json
module protobodies

go 1.25

require (
	k8s.io/api v0.37.0
	k8s.io/apiextensions-apiserver v0.37.0
	k8s.io/apimachinery v0.37.0
	k8s.io/client-go v0.37.0
)
