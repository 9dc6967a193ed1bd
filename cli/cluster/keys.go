package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// AccessKeys are the access keys of a cluster: Secrets in the namespace of the gateway, written with the user's own rights.
type AccessKeys struct{ Client client.Client }

// AccessKeys gives those of the cluster.
func (c *Cluster) AccessKeys() AccessKeys { return AccessKeys{c.Client} }

// List gives all keys without their secrets.
func (k AccessKeys) List(ctx context.Context) ([]access.Key, error) {
	var found corev1.SecretList
	err := k.Client.List(ctx, &found, client.InNamespace(platform.Namespace), client.MatchingFields{"type": access.SecretType})
	if err != nil {
		return nil, fmt.Errorf("list Secrets of type %s in %s: %w", access.SecretType, platform.Namespace, err)
	}
	keys := make([]access.Key, 0, len(found.Items))
	for i := range found.Items {
		key := access.FromData(found.Items[i].Data, found.Items[i].CreationTimestamp.Time)
		key.Secret = ""
		keys = append(keys, key)
	}
	return keys, nil
}

// Create makes a key with a name, namespace and policy.
func (k AccessKeys) Create(ctx context.Context, wanted access.Key) (access.Key, error) {
	made, err := access.New(wanted.Name, wanted.Namespace, wanted.Policy, time.Now())
	if err != nil {
		return made, err
	}
	immutable := true
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: platform.Namespace, Name: access.SecretName(made.ID)},
		Type:       access.SecretType, Data: made.Data(), Immutable: &immutable,
	}
	if err := k.Client.Create(ctx, secret); err != nil {
		return access.Key{}, fmt.Errorf("create Secret %s/%s: %w", platform.Namespace, secret.Name, err)
	}
	return made, nil
}

// Delete withdraws a key.
func (k AccessKeys) Delete(ctx context.Context, id string) error {
	at := client.ObjectKey{Namespace: platform.Namespace, Name: access.SecretName(id)}
	secret := new(corev1.Secret)
	err := k.Client.Get(ctx, at, secret)
	if apierrors.IsNotFound(err) || err == nil && secret.Type != access.SecretType {
		return access.ErrNoKey
	}
	if err == nil {
		err = k.Client.Delete(ctx, secret)
	}
	if err != nil {
		return fmt.Errorf("delete Secret %s: %w", at, err)
	}
	return nil
}
