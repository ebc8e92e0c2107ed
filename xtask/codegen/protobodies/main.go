// Protobodies prints request bodies as typed Go clients send them: each object once as protobuf (in hex) and once as
// JSON. The protobuf decoder is tested with these pairs.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

type pair struct {
	Protobuf string         `json:"protobuf"`
	JSON     runtime.Object `json:"json"`
}

func encode(object runtime.Object) pair {
	var body bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(object, &body); err != nil {
		panic(err)
	}
	return pair{hex.EncodeToString(body.Bytes()), object}
}

func main() {
	if err := apiextensions.AddToScheme(scheme.Scheme); err != nil {
		panic(err)
	}
	separator := "["
	for _, list := range [][]runtime.Object{plain(), workloads(), services(), options(), definitions()} {
		for _, object := range list {
			line, err := json.Marshal(encode(object))
			if err != nil {
				panic(err)
			}
			fmt.Printf("%s\n%s", separator, line)
			separator = ","
		}
	}
	fmt.Println("\n]")
}
