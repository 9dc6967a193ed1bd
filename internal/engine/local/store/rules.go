package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// admit checks a new object against the others and writes down what it means for them: the parent must be there, and
// a version's number must be one that was never used.
func admit(tx *bolt.Tx, obj v1alpha1.Object) error {
	switch o := obj.(type) {
	case *v1alpha1.Version:
		return admitVersion(tx, o)
	case *v1alpha1.LayerVersion:
		return admitLayerVersion(tx, o)
	case *v1alpha1.Alias:
		_, err := parent(tx, o.Spec.FunctionName)
		return err
	case *v1alpha1.FunctionURLConfig:
		_, err := parent(tx, o.Spec.FunctionName)
		return err
	case *v1alpha1.ResourcePolicy:
		owner := o.Owner()
		return get(tx, owner.GetName(), owner)
	default:
		return nil
	}
}

func parent(tx *bolt.Tx, functionName string) (*v1alpha1.Function, error) {
	fn := new(v1alpha1.Function)
	if err := get(tx, v1alpha1.ObjectName(functionName), fn); err != nil {
		return nil, err
	}
	return fn, nil
}

// admitVersion counts the function's versions. A snapshot of code that the function serves now starts out with its
// digest, so that an archive behind a URL need not be fetched, and cannot have changed, again.
func admitVersion(tx *bolt.Tx, v *v1alpha1.Version) error {
	fn, err := parent(tx, v.Spec.FunctionName)
	if err != nil {
		return err
	}
	if v.Spec.Version <= fn.Status.LatestVersion {
		return lambda.Errorf(lambda.CodeResourceConflict, "Version %d of function %q was published already; the next is %d",
			v.Spec.Version, v.Spec.FunctionName, fn.Status.LatestVersion+1)
	}
	if sameArchive(v.Spec.Function.Code.URL, fn.Spec.Code.URL) && fn.Status.ObservedGeneration == fn.Generation {
		v.Status.CodeSHA256, v.Status.CodeSize = fn.Status.CodeSHA256, fn.Status.CodeSize
	}
	fn.Status.LatestVersion = v.Spec.Version
	return put(tx, fn)
}

func sameArchive(a, b *v1alpha1.RemoteArchive) bool { return a != nil && b != nil && *a == *b }

// admitLayerVersion counts a layer's versions in a bucket of its own, because a layer has no object.
func admitLayerVersion(tx *bolt.Tx, l *v1alpha1.LayerVersion) error {
	b := tx.Bucket([]byte(numbers))
	key := []byte(l.Spec.LayerName)
	var highest uint64
	if raw := b.Get(key); len(raw) == 8 {
		highest = binary.BigEndian.Uint64(raw)
	}
	number := uint64(l.Spec.Version) //nolint:gosec // validated to be at least 1
	if number <= highest {
		return lambda.Errorf(lambda.CodeResourceConflict, "Version %d of layer %q was published already; the next is %d", number, l.Spec.LayerName, highest+1)
	}
	if err := b.Put(key, binary.BigEndian.AppendUint64(nil, number)); err != nil {
		return fmt.Errorf("cannot count layer %q: %w", l.Spec.LayerName, err)
	}
	return nil
}

// childrenOf finds what goes when obj goes: a function takes its versions, aliases, URLs and policies with it, an alias its
// URL, and what has a policy that.
func childrenOf(tx *bolt.Tx, obj v1alpha1.Object) ([]v1alpha1.Object, error) {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		return membersOf(tx, o)
	case *v1alpha1.Version:
		return existing(tx, policyOf(v1alpha1.VersionObjectName(o.Spec.FunctionName, o.Spec.Version)))
	case *v1alpha1.Alias:
		u := new(v1alpha1.FunctionURLConfig)
		u.Name = v1alpha1.FunctionURLObjectName(o.Spec.FunctionName, o.Spec.Name)
		return existing(tx, u, policyOf(v1alpha1.ResourcePolicyObjectName(o.Spec.FunctionName, o.Spec.Name)))
	case *v1alpha1.LayerVersion:
		return existing(tx, policyOf(v1alpha1.LayerPolicyObjectName(o.Spec.LayerName, o.Spec.Version)))
	default:
		return nil, nil
	}
}

// membersOf are all objects of a function.
func membersOf(tx *bolt.Tx, fn *v1alpha1.Function) ([]v1alpha1.Object, error) {
	var gone []v1alpha1.Object
	labels := map[string]string{v1alpha1.LabelFunction: v1alpha1.ObjectName(fn.Spec.FunctionName)}
	for _, k := range []kind{versions(), aliases(), urlConfigs(), policies()} {
		err := each(tx, k, labels, func(child v1alpha1.Object) error {
			gone = append(gone, child)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return gone, nil
}

func policyOf(name string) v1alpha1.Object {
	p := new(v1alpha1.ResourcePolicy)
	p.Name = name
	return p
}

// existing are those of the objects, which have but their names, that are there.
func existing(tx *bolt.Tx, named ...v1alpha1.Object) ([]v1alpha1.Object, error) {
	var found []v1alpha1.Object
	for _, obj := range named {
		err := get(tx, obj.GetName(), obj)
		if lambda.CodeOf(err) == lambda.CodeResourceNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, obj)
	}
	return found, nil
}
