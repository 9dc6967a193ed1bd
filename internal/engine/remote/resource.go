package remote

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// Namespace is the one namespace that a server has.
const Namespace = "default"

const (
	objectsPath = "/apis/" + v1alpha1.Group + "/v1alpha1/namespaces/" + Namespace + "/"
	lambkinPath = "/lambkin/v1/"
	// Below lambkinPath, and code and functions also below a namespace.
	namespacesPath = "namespaces/"
	codePath       = "code"
	functionsPath  = "functions/"
	logsPath       = "logs/"
)

// resource is one kind as the paths name it.
type resource struct {
	plural string
	kind   string
	object func() v1alpha1.Object
	list   func() runtime.Object
}

// resources are all kinds of the API.
func resources() []resource {
	return []resource{
		{"functions", "Function",
			func() v1alpha1.Object { return new(v1alpha1.Function) },
			func() runtime.Object { return new(v1alpha1.FunctionList) }},
		{"versions", "Version",
			func() v1alpha1.Object { return new(v1alpha1.Version) },
			func() runtime.Object { return new(v1alpha1.VersionList) }},
		{"aliases", "Alias",
			func() v1alpha1.Object { return new(v1alpha1.Alias) },
			func() runtime.Object { return new(v1alpha1.AliasList) }},
		{"layerversions", "LayerVersion",
			func() v1alpha1.Object { return new(v1alpha1.LayerVersion) },
			func() runtime.Object { return new(v1alpha1.LayerVersionList) }},
		{"functionurlconfigs", "FunctionURLConfig",
			func() v1alpha1.Object { return new(v1alpha1.FunctionURLConfig) },
			func() runtime.Object { return new(v1alpha1.FunctionURLConfigList) }},
		{"resourcepolicies", "ResourcePolicy",
			func() v1alpha1.Object { return new(v1alpha1.ResourcePolicy) },
			func() runtime.Object { return new(v1alpha1.ResourcePolicyList) }},
		{"codesigningconfigs", "CodeSigningConfig",
			func() v1alpha1.Object { return new(v1alpha1.CodeSigningConfig) },
			func() runtime.Object { return new(v1alpha1.CodeSigningConfigList) }},
	}
}

// resourceOf finds the resource of an object or a list by its Go type.
func resourceOf(obj runtime.Object) (resource, error) {
	for _, r := range resources() {
		if reflect.TypeOf(obj) == reflect.TypeOf(r.object()) || reflect.TypeOf(obj) == reflect.TypeOf(r.list()) {
			return r, nil
		}
	}
	return resource{}, fmt.Errorf("%T is not a kind of %s", obj, v1alpha1.GroupVersion())
}

// resourceNamed finds a resource by its plural.
func resourceNamed(plural string) (resource, bool) {
	for _, r := range resources() {
		if r.plural == plural {
			return r, true
		}
	}
	return resource{}, false
}

// stamp writes apiVersion and kind into an object or list that goes out.
func stamp(obj runtime.Object, kind string) {
	obj.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kind))
}

// neverNull makes an empty list [] rather than null, as Kubernetes' own servers do: clients loop over it unasked.
func neverNull(list runtime.Object) {
	items := reflect.ValueOf(list).Elem().FieldByName("Items")
	if items.IsNil() {
		items.Set(reflect.MakeSlice(items.Type(), 0, 0))
	}
}

// fill replaces what dst points to by what src points to; both have the same type.
func fill(dst, src runtime.Object) { reflect.ValueOf(dst).Elem().Set(reflect.ValueOf(src).Elem()) }

// decoder reads objects of the API from JSON and reports every unknown or repeated member at once.
func decoder() (runtime.Decoder, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register kinds: %w", err)
	}
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Strict: true}), nil
}
