package host

import (
	"context"
	"io"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

// guarded is an engine that asks the policy of the caller, who is in the context, before it does anything. It is for
// lambkin's own API; the Lambda API asks in its own words. What a caller may do is named as on AWS, so that one policy holds
// for both: to replace a Function takes what changing its code and its configuration takes.
type guarded struct {
	engine.Engine

	identity lambda.Identity
	// namespace is what callers must be for; any if empty.
	namespace string
}

// verb is what is done to an object.
type verb string

const (
	verbGet    verb = "Get"
	verbList   verb = "List"
	verbCreate verb = "Create"
	verbUpdate verb = "Update"
	verbDelete verb = "Delete"
)

// actionsOf are what a policy has to allow for a verb on a kind.
func actionsOf(v verb, kind string) []string {
	known := map[string][]string{
		"GetVersion":              {"GetFunction"},
		"ListVersion":             {"ListVersionsByFunction"},
		"CreateVersion":           {"PublishVersion"},
		"UpdateVersion":           {"PublishVersion", "UpdateFunctionConfiguration"},
		"DeleteVersion":           {"DeleteFunction"},
		"ListFunction":            {"ListFunctions"},
		"UpdateFunction":          {"UpdateFunctionCode", "UpdateFunctionConfiguration"},
		"ListAlias":               {"ListAliases"},
		"ListLayerVersion":        {"ListLayerVersions"},
		"CreateLayerVersion":      {"PublishLayerVersion"},
		"UpdateLayerVersion":      {"PublishLayerVersion"},
		"GetFunctionURLConfig":    {"GetFunctionUrlConfig"},
		"ListFunctionURLConfig":   {"ListFunctionUrlConfigs"},
		"CreateFunctionURLConfig": {"CreateFunctionUrlConfig"},
		"UpdateFunctionURLConfig": {"UpdateFunctionUrlConfig"},
		"DeleteFunctionURLConfig": {"DeleteFunctionUrlConfig"},
		"GetResourcePolicy":       {"GetPolicy", "GetResourcePolicy"},
		"ListResourcePolicy":      {"GetPolicy", "GetResourcePolicy"},
		"CreateResourcePolicy":    {"AddPermission", "PutResourcePolicy"},
		"UpdateResourcePolicy":    {"AddPermission", "RemovePermission", "PutResourcePolicy"},
		"DeleteResourcePolicy":    {"RemovePermission", "DeleteResourcePolicy"},
		"ListCodeSigningConfig":   {"ListCodeSigningConfigs"},
	}[string(v)+kind]
	if known == nil {
		known = []string{string(v) + kind} // as for functions, aliases and layers; other kinds have names alike
	}
	actions := make([]string, len(known))
	for i, name := range known {
		actions[i] = "lambda:" + name
	}
	return actions
}

// kindOf is an object's kind, or that of a list's objects.
func kindOf(obj runtime.Object) string {
	return strings.TrimSuffix(reflect.TypeOf(obj).Elem().Name(), "List")
}

// resourceOf is what an object is in policies: the function that it belongs to, a layer version, or nothing in particular.
func (g guarded) resourceOf(obj v1alpha1.Object) string {
	switch o := obj.(type) {
	case *v1alpha1.Function:
		return g.function(o.LambdaName())
	case *v1alpha1.Version:
		return g.function(o.Spec.FunctionName)
	case *v1alpha1.Alias:
		return g.function(o.Spec.FunctionName)
	case *v1alpha1.FunctionURLConfig:
		return g.function(o.Spec.FunctionName)
	case *v1alpha1.LayerVersion:
		return g.layer(o.Spec.LayerName)
	case *v1alpha1.ResourcePolicy:
		if o.Spec.FunctionName == "" {
			return g.layer(o.Spec.LayerName)
		}
		return g.function(o.Spec.FunctionName)
	default:
		return "*"
	}
}

func (g guarded) layer(name string) string {
	return "arn:aws:lambda:" + g.identity.Region + ":" + g.identity.Account + ":layer:" + name
}

func (g guarded) function(name string) string {
	return lambda.Reference{Name: lambda.Name(name)}.ARN(g.identity)
}

// may asks the caller's policy for each of the actions.
func (g guarded) may(ctx context.Context, resource string, actions ...string) error {
	return g.ask(ctx, resource, nil, actions...)
}

func (g guarded) ask(ctx context.Context, resource string, document *policy.Document, actions ...string) error {
	caller := access.CallerOf(ctx)
	if caller == nil {
		return lambda.Errorf(lambda.CodeMissingAuthenticationToken, "Missing Authentication Token")
	}
	if g.namespace != "" && caller.Namespace != g.namespace && caller.Namespace != access.AnyNamespace {
		return lambda.Errorf(lambda.CodeAccessDenied, "%s is not for the namespace %s.", caller.Name(), g.namespace)
	}
	for _, action := range actions {
		if err := caller.Authorize(ctx, access.Question{Action: action, Resource: resource, Policy: document}); err != nil {
			return err
		}
	}
	return nil
}

// mayInvoke asks the policy of the function too.
func (g guarded) mayInvoke(ctx context.Context, ref lambda.Reference) error {
	document, err := gateway.ResourcePolicy(ctx, g.Engine, ref)
	if err != nil {
		return err
	}
	return g.ask(ctx, ref.ARN(g.identity), document, "lambda:InvokeFunction")
}

// Get implements [engine.Objects]. Only the object itself says which function it belongs to.
func (g guarded) Get(ctx context.Context, name string, obj v1alpha1.Object) error {
	err := g.Engine.Get(ctx, name, obj)
	resource := g.resourceOf(obj)
	if err != nil {
		resource = "*" // who may not see all of them does not learn which there are
	}
	if denied := g.may(ctx, resource, actionsOf(verbGet, kindOf(obj))...); denied != nil {
		return denied
	}
	return err
}

// List implements [engine.Objects].
func (g guarded) List(ctx context.Context, list runtime.Object, labels map[string]string) error {
	if err := g.may(ctx, "*", actionsOf(verbList, kindOf(list))...); err != nil {
		return err
	}
	return g.Engine.List(ctx, list, labels)
}

// Create implements [engine.Objects].
func (g guarded) Create(ctx context.Context, obj v1alpha1.Object) error {
	if err := g.may(ctx, g.resourceOf(obj), actionsOf(verbCreate, kindOf(obj))...); err != nil {
		return err
	}
	return g.Engine.Create(ctx, obj)
}

// Update implements [engine.Objects]. The object says what it is to belong to, the one that is there what it belongs to.
func (g guarded) Update(ctx context.Context, obj v1alpha1.Object) error {
	actions := actionsOf(verbUpdate, kindOf(obj))
	if err := g.may(ctx, g.resourceOf(obj), actions...); err != nil {
		return err
	}
	if err := g.mayTouch(ctx, obj, actions); err != nil {
		return err
	}
	return g.Engine.Update(ctx, obj)
}

// Delete implements [engine.Objects].
func (g guarded) Delete(ctx context.Context, obj v1alpha1.Object) error {
	if err := g.mayTouch(ctx, obj, actionsOf(verbDelete, kindOf(obj))); err != nil {
		return err
	}
	return g.Engine.Delete(ctx, obj)
}

// mayTouch asks about the object that is there under the name of another one.
func (g guarded) mayTouch(ctx context.Context, obj v1alpha1.Object, actions []string) error {
	there, ok := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(v1alpha1.Object)
	if !ok {
		return g.may(ctx, "*", actions...)
	}
	name := obj.GetName()
	if name == "" {
		named, ok := obj.DeepCopyObject().(v1alpha1.Object)
		if ok {
			named.Default() // which gives it the name that follows from its spec
			name = named.GetName()
		}
	}
	if err := g.Engine.Get(ctx, name, there); err != nil {
		return g.may(ctx, "*", actions...)
	}
	return g.may(ctx, g.resourceOf(there), actions...)
}

// PutCode implements [engine.Code].
func (g guarded) PutCode(ctx context.Context, r io.Reader, limit int64) (v1alpha1.Blob, error) {
	if err := g.may(ctx, "*", "lambkin:PutCode"); err != nil {
		return v1alpha1.Blob{}, err
	}
	return g.Engine.PutCode(ctx, r, limit)
}

// OpenCode implements [engine.Code].
func (g guarded) OpenCode(ctx context.Context, b v1alpha1.Blob) (io.ReadCloser, error) {
	if err := g.may(ctx, "*", "lambkin:GetCode"); err != nil {
		return nil, err
	}
	return g.Engine.OpenCode(ctx, b)
}

// Logs implements [engine.Logs].
func (g guarded) Logs(ctx context.Context, fn lambda.Name, opts engine.LogOptions, w io.Writer) error {
	group := "arn:aws:logs:" + g.identity.Region + ":" + g.identity.Account + ":log-group:/aws/lambda/" + string(fn)
	if err := g.may(ctx, group, "logs:FilterLogEvents"); err != nil {
		return err
	}
	return g.Engine.Logs(ctx, fn, opts, w)
}

// Enqueue implements [engine.Async].
func (g guarded) Enqueue(ctx context.Context, in *lambda.Invocation) error {
	if err := g.mayInvoke(ctx, in.Function); err != nil {
		return err
	}
	return g.Engine.Enqueue(ctx, in)
}

// Invoke implements [lambda.Invoker].
func (g guarded) Invoke(ctx context.Context, in *lambda.Invocation) (*lambda.Result, error) {
	if err := g.mayInvoke(ctx, in.Function); err != nil {
		return nil, err
	}
	return g.Engine.Invoke(ctx, in)
}
