package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// draft is what is to be applied: the fields that are set, and the digest of them in an annotation.
type draft struct {
	object *unstructured.Unstructured
}

// draftOf takes from an object what is set in it. A typed object says nothing of what it does not set only after its
// empty members are taken out: to apply them would be to own them.
func draftOf(obj client.Object) (draft, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return draft{}, fmt.Errorf("write out %s %q: %w", kindOf(obj), obj.GetName(), err)
	}
	delete(fields, "status")
	prune(fields)
	text, err := json.Marshal(fields) // sorts by key
	if err != nil {
		return draft{}, fmt.Errorf("write out %s %q: %w", kindOf(obj), obj.GetName(), err)
	}
	sum := sha256.Sum256(text)
	d := draft{&unstructured.Unstructured{Object: fields}}
	annotations := d.object.GetAnnotations()
	if annotations == nil {
		annotations = make(map[string]string, 1)
	}
	annotations[AnnotationApplied] = hex.EncodeToString(sum[:])
	d.object.SetAnnotations(annotations)
	return d, nil
}

// prune takes out what is null or an empty object. It leaves lists alone: those are owned as a whole, and in them an empty
// object can mean something, such as all pods of a namespace.
func prune(fields map[string]any) {
	for name, value := range fields {
		switch v := value.(type) {
		case nil:
			delete(fields, name)
		case map[string]any:
			prune(v)
			if len(v) == 0 {
				delete(fields, name)
			}
		}
	}
}

// isIn reports whether an object holds all that the draft does, and was last applied from the same draft.
func (d draft) isIn(live client.Object) (bool, error) {
	if live.GetAnnotations()[AnnotationApplied] != d.object.GetAnnotations()[AnnotationApplied] {
		return false, nil
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return false, fmt.Errorf("write out %s %q: %w", kindOf(d.object), live.GetName(), err)
	}
	// Objects from the cache may have lost their type, which says nothing.
	fields["apiVersion"], fields["kind"] = d.object.Object["apiVersion"], d.object.Object["kind"]
	return holds(fields, d.object.Object), nil
}

// holds reports whether each value of wanted is in live. In objects there may be more; lists are equal in length.
func holds(live, wanted any) bool {
	switch w := wanted.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok {
			return false
		}
		for name, value := range w {
			if !holds(l[name], value) {
				return false
			}
		}
		return true
	case []any:
		l, ok := live.([]any)
		if !ok || len(l) != len(w) {
			return false
		}
		for i := range w {
			if !holds(l[i], w[i]) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(live, wanted)
	}
}
