// Package store keeps the objects of api/v1alpha1 in one file. It gives them what a Kubernetes API server would: uid,
// resourceVersion, generation, optimistic concurrency, and the removal of what belongs to a removed object. A write
// that returned nil is on the disk.
//
// The file is a bbolt database: one bucket per kind, the object's name as key, its JSON as value.
package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// lockTimeout is how long Open waits for another process to let go of the file.
const lockTimeout = time.Second

// revisions holds, as its sequence, the resourceVersion given last; numbers the highest version number of each layer.
const (
	revisions = "revisions"
	numbers   = "numbers"
)

// Store is an open file of objects. It is safe for concurrent use.
type Store struct {
	db *bolt.DB
}

// Open opens the file at path, which is made if it is not there. It fails if another process has it open.
func Open(path string) (*Store, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%q is in use by another process: stop that one or choose another data directory", path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open %q: %w", path, err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		names := []string{revisions, numbers}
		for _, k := range kinds() {
			names = append(names, k.name)
		}
		for _, name := range names {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return fmt.Errorf("cannot make bucket %q: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot prepare %q: %w", path, err), db.Close())
	}
	return &Store{db: db}, nil
}

// DB is the database, for what else is to share the file and its transactions. Buckets named like kinds are the store's.
func (s *Store) DB() *bolt.DB { return s.db }

// Close lets go of the file once running transactions have ended.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("cannot close the file of objects: %w", err)
	}
	return nil
}

// get reads the object of obj's kind and that name into obj.
func get(tx *bolt.Tx, name string, obj v1alpha1.Object) error {
	k, err := kindOf(obj)
	if err != nil {
		return err
	}
	raw := tx.Bucket([]byte(k.name)).Get([]byte(name))
	if raw == nil {
		return lambda.Errorf(lambda.CodeResourceNotFound, "%s %q not found", k.name, name)
	}
	return decode(raw, k, name, obj)
}

func decode(raw []byte, k kind, name string, obj v1alpha1.Object) error {
	if err := json.Unmarshal(raw, obj); err != nil {
		return fmt.Errorf("stored %s %q is damaged: %w", k.name, name, err)
	}
	return nil
}

// put writes obj under its name with a new resourceVersion. Afterwards obj is exactly what get will give.
func put(tx *bolt.Tx, obj v1alpha1.Object) error {
	k, err := kindOf(obj)
	if err != nil {
		return err
	}
	revision, err := tx.Bucket([]byte(revisions)).NextSequence()
	if err != nil {
		return fmt.Errorf("cannot count revisions: %w", err)
	}
	obj.SetResourceVersion(strconv.FormatUint(revision, 10))
	obj.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(k.name))
	raw, err := json.Marshal(obj)
	if err != nil {
		return fmt.Errorf("cannot encode %s %q: %w", k.name, obj.GetName(), err)
	}
	if err := tx.Bucket([]byte(k.name)).Put([]byte(obj.GetName()), raw); err != nil {
		return fmt.Errorf("cannot store %s %q: %w", k.name, obj.GetName(), err)
	}
	stored := k.object()
	if err := decode(raw, k, obj.GetName(), stored); err != nil {
		return err
	}
	return assign(obj, stored)
}

func remove(tx *bolt.Tx, obj v1alpha1.Object) error {
	k, err := kindOf(obj)
	if err != nil {
		return err
	}
	if err := tx.Bucket([]byte(k.name)).Delete([]byte(obj.GetName())); err != nil {
		return fmt.Errorf("cannot delete %s %q: %w", k.name, obj.GetName(), err)
	}
	return nil
}

// each calls visit with every object of a kind that has the labels, in the order of names.
func each(tx *bolt.Tx, k kind, labels map[string]string, visit func(v1alpha1.Object) error) error {
	return eachAfter(tx, k, labels, "", visit)
}

// eachAfter is each for the objects whose names come after a name. Children have names that begin with their parent's,
// which is the value of their label, so that only those are read.
func eachAfter(tx *bolt.Tx, k kind, labels map[string]string, after string, visit func(v1alpha1.Object) error) error {
	prefix := []byte(cmp.Or(labels[v1alpha1.LabelFunction], labels[v1alpha1.LabelLayer]))
	cursor := tx.Bucket([]byte(k.name)).Cursor()
	name, raw := cursor.Seek([]byte(max(after, string(prefix))))
	if name != nil && string(name) == after {
		name, raw = cursor.Next()
	}
	for ; bytes.HasPrefix(name, prefix) && name != nil; name, raw = cursor.Next() {
		obj := k.object()
		if err := decode(raw, k, string(name), obj); err != nil {
			return err
		}
		if !hasLabels(obj.GetLabels(), labels) {
			continue
		}
		if err := visit(obj); err != nil {
			return err
		}
	}
	return nil
}

func hasLabels(have, want map[string]string) bool {
	for k, v := range want {
		if got, ok := have[k]; !ok || got != v {
			return false
		}
	}
	return true
}
