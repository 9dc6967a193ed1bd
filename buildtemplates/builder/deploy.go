package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// deploy is what `builder deploy` is asked for.
type deploy struct {
	kind, name, namespace string
	image, protocol       string
	env                   []string
	account               string
	timeout               time.Duration
	results               results
	out                   io.Writer
	pause                 time.Duration // between two looks
}

const aboutDeploy = `Put an image into a Knative Service or a Function, and wait until it is ready.

If there is none of the name it is made, with the variables that the arguments give. If there is one, its image is
replaced and nothing else. An image that is there already changes nothing. Result: URL.`

func deployCommand(ctx context.Context, args []string, out io.Writer) error {
	c := deploy{results: results{}, out: out, pause: time.Second}
	f := newFlags("deploy", aboutDeploy, out)
	f.StringVar(&c.kind, "kind", "Service", "`Service` (of Knative) or Function (of Lambkin)")
	f.StringVar(&c.name, "name", "", "`name` of the Service or Function")
	f.StringVar(&c.namespace, "namespace", "", "`namespace` of it")
	f.StringVar(&c.image, "image", "", "`image` by digest")
	f.StringVar(&c.protocol, "protocol", "lambda", "what the container speaks: `lambda` or http")
	f.StringVar(&c.account, "account", "/var/run/secrets/kubernetes.io/serviceaccount", "`folder` with token and ca.crt")
	f.DurationVar(&c.timeout, "timeout", 8*time.Minute, "how `long` to wait until it is ready")
	f.Var(c.results, "result", "`NAME=FILE` to write a result to; may be repeated")
	if err := parse(f, args, true); err != nil {
		return err
	}
	c.env = f.Args()
	if err := c.check(); err != nil {
		return usageError{err}
	}
	api, err := inCluster(c.account)
	if err != nil {
		return err
	}
	return c.run(ctx, api)
}

func (c *deploy) check() error {
	switch {
	case kinds()[c.kind] == nil:
		return fmt.Errorf("--kind is %q, neither Service nor Function", c.kind)
	case c.name == "" || c.namespace == "":
		return errors.New("--name and --namespace are needed")
	case !strings.Contains(c.image, "@sha256:"):
		return fmt.Errorf("--image is %q and not by digest: a tag may stand for another image tomorrow", c.image)
	case c.protocol != "lambda" && c.protocol != "http":
		return fmt.Errorf("--protocol is %q, neither lambda nor http", c.protocol)
	}
	for _, pair := range c.env {
		if name, _, ok := strings.Cut(pair, "="); !ok || name == "" {
			return errors.New("a variable is not NAME=VALUE")
		}
	}
	return nil
}

// kind is what is deployed.
type kind interface {
	// collection is the path of all objects of the kind in a namespace.
	collection(namespace string) string
	// draft is the whole of a new object.
	draft(c *deploy) map[string]any
	// change is a JSON patch that puts the image into an object; empty if it is there already.
	change(c *deploy, o *object) ([]operation, error)
}

func kinds() map[string]kind { return map[string]kind{"Service": service{}, "Function": function{}} }

// operation is one operation of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func (c *deploy) run(ctx context.Context, api *cluster) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := c.put(ctx, api); err != nil {
		return fmt.Errorf("cannot deploy %s %q: %w", c.kind, c.name, err)
	}
	address, err := c.wait(ctx, api)
	if err != nil {
		return fmt.Errorf("%s %q has the new image, but %w", c.kind, c.name, err)
	}
	fmt.Fprintf(c.out, "Ready at %s\n", address)
	return c.results.write("URL", address)
}

// put makes the object or changes its image.
func (c *deploy) put(ctx context.Context, api *cluster) error {
	k := kinds()[c.kind]
	path := k.collection(c.namespace)
	var found object
	err := api.do(ctx, http.MethodGet, path+"/"+c.name, "", nil, &found)
	if isStatus(err, http.StatusNotFound) {
		fmt.Fprintf(c.out, "Creating %s %s with %s\n", c.kind, c.name, c.image)
		return api.do(ctx, http.MethodPost, path+"?fieldManager=lambkin-deploy", "application/json", k.draft(c), &found)
	}
	if err != nil {
		return err
	}
	patch, err := k.change(c, &found)
	if err != nil {
		return err
	}
	if len(patch) == 0 {
		fmt.Fprintf(c.out, "%s %s has %s already\n", c.kind, c.name, c.image)
		return nil
	}
	fmt.Fprintf(c.out, "Changing %s %s to %s\n", c.kind, c.name, c.image)
	return api.do(ctx, http.MethodPatch, path+"/"+c.name+"?fieldManager=lambkin-deploy", "application/json-patch+json", patch, &found)
}

// patience is how many times in a row an object must be seen to have failed: it may look so while it changes.
const patience = 3

// wait looks at the object until it is ready, and gives its address.
func (c *deploy) wait(ctx context.Context, api *cluster) (string, error) {
	path := kinds()[c.kind].collection(c.namespace) + "/" + c.name
	var last condition
	for failures := 0; ; {
		var o object
		if err := api.do(ctx, http.MethodGet, path, "", nil, &o); err != nil && ctx.Err() == nil {
			return "", err
		}
		now := o.ready()
		if now != (condition{}) {
			last = now
		}
		switch now.Status {
		case "True":
			return o.Status.URL, nil
		case "False":
			failures++
		default:
			failures = 0
		}
		if failures == patience {
			return "", fmt.Errorf("it is not ready: %s: %s", last.Reason, last.Message)
		}
		select {
		case <-time.After(c.pause):
		case <-ctx.Done():
			return "", fmt.Errorf("it was not ready in time: %s: %s", last.Reason, last.Message)
		}
	}
}

// service is a Knative Service.
type service struct{}

func (service) collection(namespace string) string {
	return "/apis/serving.knative.dev/v1/namespaces/" + namespace + "/services"
}

// draft runs one invocation at a time in a pod, as Lambda does, and calls a pod ready when its function is.
func (service) draft(c *deploy) map[string]any {
	env := make([]any, 0, len(c.env))
	for _, pair := range c.env {
		name, value, _ := strings.Cut(pair, "=")
		env = append(env, map[string]any{"name": name, "value": value})
	}
	container := map[string]any{
		"image": c.image, "env": env,
		"securityContext": map[string]any{"allowPrivilegeEscalation": false, "seccompProfile": map[string]any{"type": "RuntimeDefault"}},
	}
	spec := map[string]any{"containers": []any{container}}
	if c.protocol == "lambda" {
		container["securityContext"] = map[string]any{
			"allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": map[string]any{"drop": []any{"ALL"}},
			"seccompProfile": map[string]any{"type": "RuntimeDefault"},
		}
		container["readinessProbe"] = map[string]any{ // as the controller's
			"httpGet":       map[string]any{"path": "/_lambkin/readyz"},
			"periodSeconds": 3, "timeoutSeconds": 3, "successThreshold": 1, "failureThreshold": 10,
		}
		spec["containerConcurrency"] = 1
	}
	return map[string]any{
		"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": map[string]any{"name": c.name, "namespace": c.namespace},
		"spec": map[string]any{"template": map[string]any{"spec": spec}},
	}
}

func (service) change(c *deploy, o *object) ([]operation, error) {
	for _, owner := range o.Metadata.OwnerReferences {
		if owner.Controller {
			return nil, fmt.Errorf("it belongs to %s %q, which would change it back: deploy that", owner.Kind, owner.Name)
		}
	}
	var spec struct {
		Template struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Spec struct {
				Containers []struct {
					Image string `json:"image"`
				} `json:"containers"`
			} `json:"spec"`
		} `json:"template"`
	}
	if err := json.Unmarshal(o.Spec, &spec); err != nil || len(spec.Template.Spec.Containers) == 0 {
		return nil, errors.New("it has no container")
	}
	if spec.Template.Spec.Containers[0].Image == c.image {
		return nil, nil
	}
	patch := []operation{
		{Op: "test", Path: "/spec/template/spec/containers/0/image", Value: spec.Template.Spec.Containers[0].Image},
		{Op: "replace", Path: "/spec/template/spec/containers/0/image", Value: c.image},
	}
	if spec.Template.Metadata.Name != "" { // names one revision, which this will not be
		patch = append(patch, operation{Op: "remove", Path: "/spec/template/metadata/name"})
	}
	return patch, nil
}

// function is a Function whose code is an image.
type function struct{}

func (function) collection(namespace string) string {
	return "/apis/lambkin.dev/v1alpha1/namespaces/" + namespace + "/functions"
}

func (function) draft(c *deploy) map[string]any {
	spec := map[string]any{
		"packageType": "Image",
		"code":        map[string]any{"image": map[string]any{"uri": c.image, "protocol": c.protocol}},
	}
	if len(c.env) > 0 {
		variables := make(map[string]any, len(c.env))
		for _, pair := range c.env {
			name, value, _ := strings.Cut(pair, "=")
			variables[name] = value
		}
		spec["environment"] = map[string]any{"variables": variables}
	}
	return map[string]any{
		"apiVersion": "lambkin.dev/v1alpha1", "kind": "Function", "metadata": map[string]any{"name": c.name, "namespace": c.namespace}, "spec": spec,
	}
}

func (function) change(c *deploy, o *object) ([]operation, error) {
	var spec struct {
		Code struct {
			Image *struct {
				URI string `json:"uri"`
			} `json:"image"`
		} `json:"code"`
	}
	if err := json.Unmarshal(o.Spec, &spec); err != nil || spec.Code.Image == nil {
		return nil, errors.New("its code is not an image: the controller builds it from what its spec names")
	}
	if spec.Code.Image.URI == c.image {
		return nil, nil
	}
	return []operation{
		{Op: "test", Path: "/spec/code/image/uri", Value: spec.Code.Image.URI},
		{Op: "replace", Path: "/spec/code/image/uri", Value: c.image},
	}, nil
}
