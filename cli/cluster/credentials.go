package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var errNoDockerConfig = errors.New("what it holds is no docker configuration: choose another name, or delete it")

// Login are the credentials of one registry.
type Login struct {
	// Secret is the name of the Secret of type kubernetes.io/dockerconfigjson that holds them.
	Secret string
	// Host is the registry, as [RegistryHost] gives it.
	Host               string
	Username, Password string
	// Pullers are service accounts whose pods pull images with the Secret.
	Pullers []string
}

// GitLogin are the credentials of one git server: a user name with a password or token, or a private key.
type GitLogin struct {
	// Secret is the name of the Secret that holds them.
	Secret string
	// Host is the server, such as github.com.
	Host               string
	Username, Password string
	// PrivateKey is an SSH key in PEM form, and KnownHosts the keys of servers that are believed.
	PrivateKey, KnownHosts []byte
}

// Written is an object that holds what it should, and whether it had to be changed for that.
type Written struct {
	// Object is KIND/NAME.
	Object string `json:"object"`
	// Change is created, configured or unchanged.
	Change string `json:"change"`
}

// What became of an object that was written.
const (
	Created    = "created"
	Configured = "configured"
	Unchanged  = "unchanged"
)

// SetRegistryLogin merges credentials into their Secret and the Secret into the service accounts. What else is in them
// stays; doing it twice changes nothing.
func (c *Cluster) SetRegistryLogin(ctx context.Context, l Login) ([]Written, error) {
	secret, err := c.mergeSecret(ctx, l.Secret, corev1.SecretTypeDockerConfigJson, func(s *corev1.Secret) error {
		merged, err := withLogin(s.Data[corev1.DockerConfigJsonKey], l.Host, l.Username, l.Password)
		s.Data[corev1.DockerConfigJsonKey] = merged
		return err
	})
	if err != nil {
		return nil, err
	}
	all := []Written{secret}
	for _, account := range l.Pullers {
		did, err := c.addPullSecret(ctx, account, l.Secret)
		if err != nil {
			return all, err
		}
		all = append(all, did)
	}
	return all, nil
}

// SetGitLogin merges credentials into their Secret, which functions name in spec.code.source.git.secretName.
func (c *Cluster) SetGitLogin(ctx context.Context, l GitLogin) (Written, error) {
	kind, values, server := corev1.SecretTypeBasicAuth, map[string][]byte{
		corev1.BasicAuthUsernameKey: []byte(l.Username), corev1.BasicAuthPasswordKey: []byte(l.Password),
	}, "https://"+l.Host
	if len(l.PrivateKey) > 0 {
		kind, values, server = corev1.SecretTypeSSHAuth, map[string][]byte{corev1.SSHAuthPrivateKey: l.PrivateKey}, l.Host
	}
	if len(l.KnownHosts) > 0 {
		values["known_hosts"] = l.KnownHosts
	}
	return c.mergeSecret(ctx, l.Secret, kind, func(s *corev1.Secret) error {
		maps.Copy(s.Data, values)
		s.Annotations = withGitServer(s.Annotations, server)
		return nil
	})
}

// gitAnnotation tells Tekton for which servers a Secret is, so that it serves Pipelines of other people too.
const gitAnnotation = "tekton.dev/git-"

// withGitServer adds a server to those that a Secret is for.
func withGitServer(annotations map[string]string, server string) map[string]string {
	next := 0
	for key, value := range annotations {
		number, ours := strings.CutPrefix(key, gitAnnotation)
		if n, err := strconv.Atoi(number); ours && err == nil {
			next = max(next, n+1)
		}
		if ours && value == server {
			return annotations
		}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[gitAnnotation+strconv.Itoa(next)] = server
	return annotations
}

// mergeSecret changes a Secret, or makes it. Its errors hold nothing of what it holds.
func (c *Cluster) mergeSecret(ctx context.Context, name string, kind corev1.SecretType, change func(*corev1.Secret) error) (Written, error) {
	what := "secret/" + name
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: name}, Type: kind}
	return c.merge(ctx, what, s, func() (bool, error) {
		if s.Type != kind {
			return false, fmt.Errorf("it is of type %s and would have to be %s: choose another name", s.Type, kind)
		}
		if s.Immutable != nil && *s.Immutable {
			return false, errors.New("it is immutable: choose another name")
		}
		before := s.DeepCopy()
		if s.Data == nil {
			s.Data = map[string][]byte{}
		}
		if err := change(s); err != nil {
			return false, err
		}
		same := len(before.Data) == len(s.Data) && len(before.Annotations) == len(s.Annotations)
		for key, value := range s.Data {
			same = same && bytes.Equal(before.Data[key], value)
		}
		return !same, nil
	})
}

// addPullSecret lets the pods of a service account pull with a Secret.
func (c *Cluster) addPullSecret(ctx context.Context, account, secret string) (Written, error) {
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: account}}
	return c.merge(ctx, "serviceaccount/"+account, sa, func() (bool, error) {
		if slices.ContainsFunc(sa.ImagePullSecrets, func(r corev1.LocalObjectReference) bool { return r.Name == secret }) {
			return false, nil
		}
		sa.ImagePullSecrets = append(sa.ImagePullSecrets, corev1.LocalObjectReference{Name: secret})
		return true, nil
	})
}

// merge reads obj, changes it and writes it, again if somebody else was quicker. change reports whether there is
// something to write.
func (c *Cluster) merge(ctx context.Context, what string, obj client.Object, change func() (bool, error)) (Written, error) {
	did := Unchanged
	overtaken := func(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }
	err := retry.OnError(retry.DefaultBackoff, overtaken, func() error {
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj)
		missing := apierrors.IsNotFound(err)
		if err != nil && !missing {
			return err //nolint:wrapcheck // it is asked what it is, and gets its words below
		}
		differs, err := change()
		if err != nil {
			return err
		}
		switch {
		case missing:
			did = Created
			return c.Client.Create(ctx, obj)
		case differs:
			did = Configured
			return c.Client.Update(ctx, obj)
		default:
			return nil
		}
	})
	if err != nil {
		return Written{}, fmt.Errorf("write %s in namespace %q: %w", what, c.Namespace, err)
	}
	return Written{Object: what, Change: did}, nil
}

// SecretKeys gives the names of what a Secret holds, sorted.
func (c *Cluster) SecretKeys(ctx context.Context, name string) ([]string, error) {
	s := new(corev1.Secret)
	if err := c.Client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: name}, s); err != nil {
		return nil, fmt.Errorf("look which keys secret %q has: %w", name, err)
	}
	return slices.Sorted(maps.Keys(s.Data)), nil
}
