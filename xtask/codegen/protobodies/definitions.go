package main

import (
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func raw(text string) extensions.JSON { return extensions.JSON{Raw: []byte(text)} }

func definitions() []runtime.Object {
	text := extensions.JSONSchemaProps{Type: "string"}
	object := extensions.JSONSchemaProps{
		Type: "object", Required: []string{"a"}, AdditionalProperties: &extensions.JSONSchemaPropsOrBool{Allows: true, Schema: &text},
		XPreserveUnknownFields: to(false), XListMapKeys: []string{"k"}, XMapType: to("atomic"),
		XValidations: extensions.ValidationRules{{Rule: "self.a > 0", Message: "m", OptionalOldSelf: to(false)}},
		Properties: map[string]extensions.JSONSchemaProps{
			"a": {Type: "integer", Format: "int32", Minimum: to(0.0), Maximum: to(1e9), MultipleOf: to(2.5), Default: to(raw("1")), XIntOrString: true},
			"b": {Type: "array", Items: &extensions.JSONSchemaPropsOrArray{Schema: &text}, MaxItems: to(int64(0)), UniqueItems: true},
			"c": {Type: "array", Items: &extensions.JSONSchemaPropsOrArray{JSONSchemas: []extensions.JSONSchemaProps{text, {}}}},
			"d": {Nullable: true, Enum: []extensions.JSON{raw(`"x"`), raw("null"), raw(`{"y":[1]}`)}, AdditionalProperties: &extensions.JSONSchemaPropsOrBool{}},
			"e": {AdditionalItems: &extensions.JSONSchemaPropsOrBool{Allows: true}, Example: to(raw("false")), Not: &text, AnyOf: []extensions.JSONSchemaProps{text}},
			"f": {Dependencies: extensions.JSONSchemaDependencies{"x": {Property: []string{"y"}}, "z": {Schema: &text}}, Ref: to("#/x"), ID: "i"},
			"g": {},
		},
	}
	return []runtime.Object{
		&extensions.CustomResourceDefinition{TypeMeta: kind("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ObjectMeta: meta.ObjectMeta{Name: "as.x.io"},
			Spec: extensions.CustomResourceDefinitionSpec{Group: "x.io", Scope: extensions.NamespaceScoped, Names: extensions.CustomResourceDefinitionNames{Plural: "as", Kind: "A"},
				Conversion: &extensions.CustomResourceConversion{Strategy: extensions.WebhookConverter, Webhook: &extensions.WebhookConversion{
					ClientConfig: &extensions.WebhookClientConfig{CABundle: []byte("ca")}, ConversionReviewVersions: []string{"v1"}}},
				Versions: []extensions.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Schema: &extensions.CustomResourceValidation{OpenAPIV3Schema: &object},
					Subresources:             &extensions.CustomResourceSubresources{Status: &extensions.CustomResourceSubresourceStatus{}, Scale: &extensions.CustomResourceSubresourceScale{SpecReplicasPath: ".a"}},
					AdditionalPrinterColumns: []extensions.CustomResourceColumnDefinition{{Name: "A", Type: "integer", JSONPath: ".a"}}}}}},
	}
}
