package store

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// kind is what the store must know of a kind besides its JSON.
type kind struct {
	name   string
	object func() v1alpha1.Object
}

// kinds are all that are stored.
func kinds() []kind {
	return []kind{functions(), versions(), aliases(), layerVersions(), urlConfigs(), policies(), codeSigningConfigs()}
}

func functions() kind {
	return kind{"Function", func() v1alpha1.Object { return new(v1alpha1.Function) }}
}

func versions() kind {
	return kind{"Version", func() v1alpha1.Object { return new(v1alpha1.Version) }}
}

func aliases() kind {
	return kind{"Alias", func() v1alpha1.Object { return new(v1alpha1.Alias) }}
}

func layerVersions() kind {
	return kind{"LayerVersion", func() v1alpha1.Object { return new(v1alpha1.LayerVersion) }}
}

func urlConfigs() kind {
	return kind{"FunctionURLConfig", func() v1alpha1.Object { return new(v1alpha1.FunctionURLConfig) }}
}

func policies() kind {
	return kind{"ResourcePolicy", func() v1alpha1.Object { return new(v1alpha1.ResourcePolicy) }}
}

func codeSigningConfigs() kind {
	return kind{"CodeSigningConfig", func() v1alpha1.Object { return new(v1alpha1.CodeSigningConfig) }}
}

// kindOf is the kind of an object.
func kindOf(obj v1alpha1.Object) (kind, error) {
	switch obj.(type) {
	case *v1alpha1.Function:
		return functions(), nil
	case *v1alpha1.Version:
		return versions(), nil
	case *v1alpha1.Alias:
		return aliases(), nil
	case *v1alpha1.LayerVersion:
		return layerVersions(), nil
	case *v1alpha1.FunctionURLConfig:
		return urlConfigs(), nil
	case *v1alpha1.ResourcePolicy:
		return policies(), nil
	case *v1alpha1.CodeSigningConfig:
		return codeSigningConfigs(), nil
	default:
		return kind{}, fmt.Errorf("no kind of %s: %T", v1alpha1.GroupVersion(), obj)
	}
}

// listOf is the kind of a list's items, and how to add one.
func listOf(list runtime.Object) (k kind, add func(v1alpha1.Object), err error) {
	switch l := list.(type) {
	case *v1alpha1.FunctionList:
		return functions(), appendTo(&l.Items), nil
	case *v1alpha1.VersionList:
		return versions(), appendTo(&l.Items), nil
	case *v1alpha1.AliasList:
		return aliases(), appendTo(&l.Items), nil
	case *v1alpha1.LayerVersionList:
		return layerVersions(), appendTo(&l.Items), nil
	case *v1alpha1.FunctionURLConfigList:
		return urlConfigs(), appendTo(&l.Items), nil
	case *v1alpha1.ResourcePolicyList:
		return policies(), appendTo(&l.Items), nil
	case *v1alpha1.CodeSigningConfigList:
		return codeSigningConfigs(), appendTo(&l.Items), nil
	default:
		return kind{}, nil, fmt.Errorf("no list of %s: %T", v1alpha1.GroupVersion(), list)
	}
}

// appendTo empties items and gives what fills them with objects of their type.
func appendTo[T any](items *[]T) func(v1alpha1.Object) {
	*items = []T{}
	return func(obj v1alpha1.Object) {
		if typed, ok := any(obj).(*T); ok {
			*items = append(*items, *typed)
		}
	}
}

// specOf is the part of an object whose change raises the generation.
func specOf(obj v1alpha1.Object) any {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		return o.Spec
	case *v1alpha1.Version:
		return o.Spec
	case *v1alpha1.Alias:
		return o.Spec
	case *v1alpha1.LayerVersion:
		return o.Spec
	case *v1alpha1.FunctionURLConfig:
		return o.Spec
	case *v1alpha1.ResourcePolicy:
		return o.Spec
	case *v1alpha1.CodeSigningConfig:
		return o.Spec
	default:
		return nil
	}
}

// copyStatus gives to the status of from, an object of the same kind; a nil from empties it.
func copyStatus(to, from v1alpha1.Object) {
	switch o := to.(type) {
	case *v1alpha1.Function:
		o.Status = statusOf(from, func(f *v1alpha1.Function) v1alpha1.FunctionStatus { return f.Status })
	case *v1alpha1.Version:
		o.Status = statusOf(from, func(v *v1alpha1.Version) v1alpha1.FunctionStatus { return v.Status })
	case *v1alpha1.Alias:
		o.Status = statusOf(from, func(a *v1alpha1.Alias) v1alpha1.AliasStatus { return a.Status })
	case *v1alpha1.FunctionURLConfig:
		o.Status = statusOf(from, func(u *v1alpha1.FunctionURLConfig) v1alpha1.FunctionURLConfigStatus { return u.Status })
	case *v1alpha1.ResourcePolicy:
		o.Status = statusOf(from, func(p *v1alpha1.ResourcePolicy) v1alpha1.ResourcePolicyStatus { return p.Status })
	}
}

func statusOf[O v1alpha1.Object, S any](from v1alpha1.Object, status func(O) S) S {
	if typed, ok := from.(O); ok {
		return status(typed)
	}
	var none S
	return none
}

// touch notes in the status when the configuration or the code changed.
func touch(obj v1alpha1.Object, now metav1.MicroTime) {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		o.Status.LastModified = &now
	case *v1alpha1.Version:
		o.Status.LastModified = &now
	}
}
