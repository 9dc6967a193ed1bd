package store

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// staleMessage is what AWS answers to a RevisionId that is no longer current.
const staleMessage = "The Revision Id provided does not match the latest Revision Id. " +
	"Call the GetFunction/GetAlias API to retrieve the latest Revision Id"

// Get fills obj with the object of its kind and that name.
func (s *Store) Get(name string, obj v1alpha1.Object) error {
	k, err := kindOf(obj)
	if err != nil {
		return err
	}
	fresh := k.object()
	err = s.db.View(func(tx *bolt.Tx) error { return get(tx, name, fresh) })
	if err != nil {
		return err
	}
	return assign(obj, fresh)
}

// List fills list with all objects of its kind that have these labels, in the order of their names.
func (s *Store) List(list runtime.Object, labels map[string]string) error {
	k, add, err := listOf(list)
	if err != nil {
		return err
	}
	list.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(k.name + "List"))
	return s.db.View(func(tx *bolt.Tx) error {
		return each(tx, k, labels, func(obj v1alpha1.Object) error {
			add(obj)
			return nil
		})
	})
}

// ListPage is List for the first limit objects whose names come after a name, which need not be there any more. It gives
// the name to go on after; empty if there are no more objects.
func (s *Store) ListPage(list runtime.Object, labels map[string]string, after string, limit int) (next string, err error) {
	k, add, err := listOf(list)
	if err != nil {
		return "", err
	}
	if !nameForm.MatchString(after) {
		return "", lambda.Errorf(lambda.CodeInvalidParameterValue, "%q is no token of a list", after)
	}
	list.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(k.name + "List"))
	shown, last := 0, ""
	err = s.db.View(func(tx *bolt.Tx) error {
		return eachAfter(tx, k, labels, after, func(obj v1alpha1.Object) error {
			if shown == limit {
				next = last
				return errEnough
			}
			add(obj)
			shown, last = shown+1, obj.GetName()
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return next, err
}

// errEnough ends a walk over objects.
var errEnough = errors.New("enough")

// nameForm is what names of objects look like, or nothing.
var nameForm = regexp.MustCompile(`^[a-z0-9.-]{0,253}$`)

// Create defaults, checks and adds obj, and fills in what the store sets. Its status is ignored.
func (s *Store) Create(obj v1alpha1.Object) error {
	made, err := copyOf(obj)
	if err != nil {
		return err
	}
	made.Default()
	if err := refuse(made, made.Validate()); err != nil {
		return err
	}
	copyStatus(made, nil)
	now := time.Now()
	made.SetUID(types.UID(uuid.NewString()))
	made.SetGeneration(1)
	made.SetCreationTimestamp(metav1.NewTime(now))
	touch(made, metav1.NewMicroTime(now))
	err = s.db.Update(func(tx *bolt.Tx) error {
		if err := absent(tx, made); err != nil {
			return err
		}
		if err := admit(tx, made); err != nil {
			return err
		}
		return put(tx, made)
	})
	if err != nil {
		return err
	}
	return assign(obj, made)
}

// Update replaces metadata and spec if obj's resourceVersion is empty or still current; the status is kept.
func (s *Store) Update(obj v1alpha1.Object) error {
	made, err := copyOf(obj)
	if err != nil {
		return err
	}
	made.Default()
	err = s.db.Update(func(tx *bolt.Tx) error {
		was, err := current(tx, made)
		if err != nil {
			return err
		}
		if err := refuse(made, made.ValidateUpdate(was)); err != nil {
			return err
		}
		inherit(made, was)
		return put(tx, made)
	})
	if err != nil {
		return err
	}
	return assign(obj, made)
}

// UpdateStatus lets change write to the status of the object of obj's kind and name, as it is now, and fills obj with
// the outcome. Metadata and spec stay. It fails if the object has gone or is another one with the same name.
func (s *Store) UpdateStatus(obj v1alpha1.Object, change func()) error {
	uid := obj.GetUID()
	err := s.db.Update(func(tx *bolt.Tx) error {
		k, err := kindOf(obj)
		if err != nil {
			return err
		}
		was := k.object()
		if err := get(tx, obj.GetName(), was); err != nil {
			return err
		}
		if was.GetUID() != uid {
			return lambda.Errorf(lambda.CodeResourceNotFound, "%s %q not found", k.name, obj.GetName())
		}
		if err := assign(obj, was); err != nil {
			return err
		}
		before := was.DeepCopyObject()
		change()
		copyStatus(was, obj)
		if equality.Semantic.DeepEqual(before, was) {
			return errUnchanged
		}
		if err := put(tx, was); err != nil {
			return err
		}
		return assign(obj, was)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// errUnchanged rolls a transaction back that would write what is there already, which would cost a sync of the disk.
var errUnchanged = errors.New("unchanged")

// Delete removes the object of obj's kind and name and all that belongs to it, and gives what it removed, obj's own
// first. With a resourceVersion set in obj it fails if that is no longer current.
func (s *Store) Delete(obj v1alpha1.Object) ([]v1alpha1.Object, error) {
	var gone []v1alpha1.Object
	err := s.db.Update(func(tx *bolt.Tx) error {
		was, err := current(tx, obj)
		if err != nil {
			return err
		}
		children, err := childrenOf(tx, was)
		if err != nil {
			return err
		}
		gone = append([]v1alpha1.Object{was}, children...)
		for _, o := range gone {
			if err := remove(tx, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// current reads the stored object that obj stands for, unless obj names another revision or another life of it.
func current(tx *bolt.Tx, obj v1alpha1.Object) (v1alpha1.Object, error) {
	k, err := kindOf(obj)
	if err != nil {
		return nil, err
	}
	was := k.object()
	if err := get(tx, obj.GetName(), was); err != nil {
		return nil, err
	}
	if v := obj.GetResourceVersion(); v != "" && v != was.GetResourceVersion() {
		return nil, lambda.Errorf(lambda.CodePreconditionFailed, staleMessage)
	}
	if uid := obj.GetUID(); uid != "" && uid != was.GetUID() {
		return nil, lambda.Errorf(lambda.CodePreconditionFailed, staleMessage)
	}
	return was, nil
}

// inherit gives made what an update may not change, and the next generation if the spec is another.
func inherit(made, was v1alpha1.Object) {
	made.SetUID(was.GetUID())
	made.SetCreationTimestamp(was.GetCreationTimestamp())
	made.SetGeneration(was.GetGeneration())
	copyStatus(made, was)
	if !equality.Semantic.DeepEqual(specOf(made), specOf(was)) {
		made.SetGeneration(was.GetGeneration() + 1)
		touch(made, metav1.NowMicro())
	}
}

func absent(tx *bolt.Tx, obj v1alpha1.Object) error {
	k, err := kindOf(obj)
	if err != nil {
		return err
	}
	if tx.Bucket([]byte(k.name)).Get([]byte(obj.GetName())) == nil {
		return nil
	}
	return lambda.Errorf(lambda.CodeResourceConflict, "%s already exists: %s", k.name, obj.GetName())
}

// refuse turns the faults of an object into one error, whose cause is the aggregate of all of them.
func refuse(obj v1alpha1.Object, faults field.ErrorList) error {
	if len(faults) == 0 && obj.GetName() == "" {
		faults = field.ErrorList{field.Required(field.NewPath("metadata", "name"), "")}
	}
	if len(faults) == 0 {
		return nil
	}
	all := faults.ToAggregate()
	return &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: all.Error(), Err: all}
}

func copyOf(obj v1alpha1.Object) (v1alpha1.Object, error) {
	made, ok := obj.DeepCopyObject().(v1alpha1.Object)
	if !ok {
		return nil, fmt.Errorf("no kind of %s: %T", v1alpha1.GroupVersion(), obj)
	}
	return made, nil
}

// assign makes to what from is. Both are of one kind; they share nothing afterwards.
func assign(to, from v1alpha1.Object) error {
	switch t := to.(type) {
	case *v1alpha1.Function:
		return copyInto(t, from, (*v1alpha1.Function).DeepCopyInto)
	case *v1alpha1.Version:
		return copyInto(t, from, (*v1alpha1.Version).DeepCopyInto)
	case *v1alpha1.Alias:
		return copyInto(t, from, (*v1alpha1.Alias).DeepCopyInto)
	case *v1alpha1.LayerVersion:
		return copyInto(t, from, (*v1alpha1.LayerVersion).DeepCopyInto)
	case *v1alpha1.FunctionURLConfig:
		return copyInto(t, from, (*v1alpha1.FunctionURLConfig).DeepCopyInto)
	case *v1alpha1.ResourcePolicy:
		return copyInto(t, from, (*v1alpha1.ResourcePolicy).DeepCopyInto)
	case *v1alpha1.CodeSigningConfig:
		return copyInto(t, from, (*v1alpha1.CodeSigningConfig).DeepCopyInto)
	default:
		return fmt.Errorf("no kind of %s: %T", v1alpha1.GroupVersion(), to)
	}
}

func copyInto[T any](to *T, from v1alpha1.Object, deepCopyInto func(in, out *T)) error {
	typed, ok := any(from).(*T)
	if !ok {
		return fmt.Errorf("cannot copy %T into %T", from, to)
	}
	deepCopyInto(typed, to)
	return nil
}
