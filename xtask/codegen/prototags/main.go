// Prototags prints what only the Go types know about the Kubernetes API: protobuf field numbers, Go type names
// (decode errors quote them), pointers, omitempty and inlining. It reads struct tags by reflection.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"

	admission "k8s.io/api/admission/v1"
	discovery "k8s.io/api/apidiscovery/v2"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"
	aggregator "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// Field is one JSON member; inlined structs are already flattened, and Proto keeps the way through them.
type Field struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Flags string `json:"flags"`
	Proto []int  `json:"proto"`
	// Inlined names the embedded structs on the way, as decode errors do.
	Inlined string `json:"inlined"`
}

type walker struct{ types map[string][]Field }

// leaves are types with a JSON form of their own.
var leaves = map[reflect.Type]string{
	reflect.TypeFor[resource.Quantity]():                          "quantity",
	reflect.TypeFor[meta.Time]():                                  "time",
	reflect.TypeFor[meta.MicroTime]():                             "microtime",
	reflect.TypeFor[meta.Duration]():                              "duration",
	reflect.TypeFor[intstr.IntOrString]():                         "intorstring",
	reflect.TypeFor[runtime.RawExtension]():                       "rawextension",
	reflect.TypeFor[meta.FieldsV1]():                              "fieldsv1",
	reflect.TypeFor[apiextensions.JSON]():                         "json",
	reflect.TypeFor[apiextensions.JSONSchemaPropsOrBool]():        "schemaorbool",
	reflect.TypeFor[apiextensions.JSONSchemaPropsOrArray]():       "schemaorarray",
	reflect.TypeFor[apiextensions.JSONSchemaPropsOrStringArray](): "schemaorstrings",
}

func openapiName(t reflect.Type) string {
	domain, rest, _ := strings.Cut(t.PkgPath(), "/")
	parts := strings.Split(domain, ".")
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, ".") + "." + strings.ReplaceAll(rest, "/", ".") + "." + t.Name()
}

// describe writes a type as `[]T`, `{}T` or a leaf, each preceded by `<name>` where Go names it and by `<!name>`
// where that name is a protobuf message of its own.
func (w *walker) describe(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return w.describe(t.Elem())
	}
	if leaf, ok := leaves[t]; ok {
		return leaf
	}
	named := ""
	if t.PkgPath() != "" && t.Kind() != reflect.Struct {
		bang := ""
		if _, ok := reflect.PointerTo(t).MethodByName("Marshal"); ok {
			bang = "!"
		}
		named = "<" + bang + t.String() + ">"
	}
	if t.Kind() == reflect.Map && named == "" && t.Key().PkgPath() != "" {
		named = "<" + t.String() + ">"
	}
	switch t.Kind() {
	case reflect.Struct:
		w.add(t)
		return openapiName(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return named + "bytes"
		}
		return named + "[]" + w.describe(t.Elem())
	case reflect.Map:
		return named + "{}" + w.describe(t.Elem())
	case reflect.Float64:
		return named + "double"
	case reflect.Interface:
		return "json"
	case reflect.Int, reflect.Uint64:
		return "<" + t.String() + ">int64"
	case reflect.Uint16:
		return "<" + t.String() + ">int32"
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64:
		return named + t.Kind().String()
	}
	panic(fmt.Sprintf("no JSON form known for %v", t))
}

func protoNumber(tag reflect.StructTag) []int {
	parts := strings.Split(tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return nil
	}
	number, err := strconv.Atoi(parts[1])
	if err != nil {
		return nil
	}
	return []int{number}
}

func (w *walker) fields(t reflect.Type, via []int, viaKnown bool, structs []string) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		number := protoNumber(f.Tag)
		path := append(append([]int{}, via...), number...)
		known := viaKnown && number != nil
		if name == "-" || (!f.IsExported() && !f.Anonymous) {
			continue
		}
		if f.Anonymous && name == "" {
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			out = append(out, w.fields(inner, path, known, append(append([]string{}, structs...), f.Name))...)
			continue
		}
		if !known {
			path = []int{}
		}
		flags := ""
		if f.Type.Kind() == reflect.Pointer {
			flags += "p"
		}
		// omitempty does nothing for a struct.
		if strings.Contains(options, "omitzero") || (strings.Contains(options, "omitempty") && f.Type.Kind() != reflect.Struct) {
			flags += "o"
		}
		out = append(out, Field{Name: name, Type: w.describe(f.Type), Flags: flags, Proto: path, Inlined: strings.Join(structs, ".")})
	}
	return out
}

func (w *walker) add(t reflect.Type) {
	name := openapiName(t)
	if _, seen := w.types[name]; seen {
		return
	}
	w.types[name] = []Field{}
	fields := w.fields(t, nil, true, nil)
	sort.Slice(fields, func(i, j int) bool { return fields[i].Name < fields[j].Name })
	w.types[name] = append([]Field{}, fields...)
}

func main() {
	for _, add := range []func(*runtime.Scheme) error{apiextensions.AddToScheme, aggregator.AddToScheme, admission.AddToScheme, discovery.AddToScheme} {
		if err := add(scheme.Scheme); err != nil {
			panic(err)
		}
	}
	w := &walker{types: map[string][]Field{}}
	for kind, t := range scheme.Scheme.AllKnownTypes() {
		if kind.Version != runtime.APIVersionInternal && t != reflect.TypeFor[meta.InternalEvent]() {
			w.add(t)
		}
	}
	for _, t := range []reflect.Type{reflect.TypeFor[version.Info](), reflect.TypeFor[meta.Table](), reflect.TypeFor[meta.PartialObjectMetadataList](), reflect.TypeFor[apiextensions.ConversionReview]()} {
		w.add(t)
	}
	if err := json.NewEncoder(os.Stdout).Encode(w.types); err != nil {
		panic(err)
	}
}
