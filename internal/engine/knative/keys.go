package knative

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/lambkin-dev/lambkin/internal/access"
)

// Keys are the access keys of a cluster: Secrets of one type in the namespace of the gateway, watched. It fills
// [access.Keys].
type Keys struct {
	log *slog.Logger

	mu      sync.RWMutex
	byID    map[string]*access.Issued
	bySaved map[string]string // the id that each Secret holds
}

// Lookup implements [access.Keys].
func (k *Keys) Lookup(_ context.Context, id string) (*access.Issued, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if found, ok := k.byID[id]; ok {
		return found, nil
	}
	return nil, access.Unrecognized()
}

// watch follows the Secrets.
func (k *Keys) watch(informer cache.Informer) error {
	_, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: k.put, UpdateFunc: func(_, obj any) { k.put(obj) }, DeleteFunc: k.drop,
	})
	if err != nil {
		return fmt.Errorf("watch access keys: %w", err)
	}
	return nil
}

// put takes a Secret's key over. One that cannot be read opens nothing.
func (k *Keys) put(obj any) {
	s, ok := obj.(*corev1.Secret)
	if !ok || s.Type != access.SecretType {
		return
	}
	issued, err := access.Read(access.FromData(s.Data, s.CreationTimestamp.Time))
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.byID, k.bySaved[s.Name])
	delete(k.bySaved, s.Name)
	if err == nil && s.Name != access.SecretName(issued.ID) {
		err = fmt.Errorf("the name must be %q", access.SecretName(issued.ID)) // so that no two hold the same key
	}
	if err != nil {
		k.log.Error("an access key opens nothing", "secret", s.Name, "error", err)
		return
	}
	k.byID[issued.ID], k.bySaved[s.Name] = issued, issued.ID
}

func (k *Keys) drop(obj any) {
	if last, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	s, ok := obj.(*corev1.Secret)
	if !ok {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.byID, k.bySaved[s.Name])
	delete(k.bySaved, s.Name)
}
