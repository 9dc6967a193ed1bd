package knative

import (
	"context"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// route is where a call goes.
type route struct {
	function *v1alpha1.Function
	spec     *v1alpha1.FunctionSpec   // of the version that runs
	status   *v1alpha1.FunctionStatus // same
	version  string                   // $LATEST or a number
	service  string                   // the Knative Service that runs it
}

// router finds routes in one namespace. The objects that it reads may be a cache's own: it changes none.
type router struct {
	namespace string
	identity  lambda.Identity
	lot       func() float64 // from [0, 1), for aliases of two versions
}

// find follows a reference. It fails with ResourceNotFoundException if there is no such function, version or alias, or if
// the alias leads nowhere.
func (r router) find(ctx context.Context, objects client.Reader, ref lambda.Reference) (*route, error) {
	if ref.Region != "" && ref.Region != r.identity.Region {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "Functions from '%s' are not reachable in this region ('%s')", ref.Region, r.identity.Region)
	}
	if ref.Account != "" && ref.Account != r.identity.Account {
		return nil, r.notFound(ref)
	}
	name := string(ref.Name)
	fn := new(v1alpha1.Function)
	if err := r.get(ctx, objects, ref, v1alpha1.ObjectName(name), fn); err != nil {
		return nil, err
	}
	if fn.LambdaName() != name {
		return nil, r.notFound(ref) // another name that has the same object's
	}
	label, err := r.follow(ctx, objects, ref)
	if err != nil {
		return nil, err
	}
	if label == lambda.LatestVersion {
		return &route{fn, &fn.Spec, &fn.Status, label, v1alpha1.FunctionServiceName(name)}, nil
	}
	number, err := strconv.ParseInt(label, 10, 64)
	if err != nil || strconv.FormatInt(number, 10) != label {
		return nil, r.notFound(ref)
	}
	v := new(v1alpha1.Version)
	if err := r.get(ctx, objects, ref, v1alpha1.VersionObjectName(name, number), v); err != nil {
		return nil, err
	}
	return &route{fn, &v.Spec.Function, &v.Status, label, v1alpha1.VersionServiceName(name, number)}, nil
}

// follow gives the version that a qualifier means. What is neither a number nor an alias is given back as it is.
func (r router) follow(ctx context.Context, objects client.Reader, ref lambda.Reference) (string, error) {
	if ref.Qualifier == "" || ref.Qualifier == lambda.LatestVersion {
		return lambda.LatestVersion, nil
	}
	if _, err := strconv.ParseUint(ref.Qualifier, 10, 64); err == nil {
		return ref.Qualifier, nil
	}
	alias := new(v1alpha1.Alias)
	if err := r.get(ctx, objects, ref, v1alpha1.AliasObjectName(string(ref.Name), ref.Qualifier), alias); err != nil {
		return "", err
	}
	// Lots are drawn here rather than by the alias's Knative Route, which knows whole percents only and follows a change
	// of the alias a while later.
	return engine.Draw(&alias.Spec, r.lot), nil
}

// get reads an object; if it is not there, what the caller named is not.
func (r router) get(ctx context.Context, objects client.Reader, ref lambda.Reference, name string, obj v1alpha1.Object) error {
	err := objects.Get(ctx, client.ObjectKey{Namespace: r.namespace, Name: name}, obj)
	if apierrors.IsNotFound(err) || err == nil && obj.GetDeletionTimestamp() != nil {
		return r.notFound(ref)
	}
	return objectError(ctx, kindOf(obj), name, err)
}

// notFound is what Invoke answers on AWS: an unqualified name is completed.
func (r router) notFound(ref lambda.Reference) error {
	if ref.Qualifier == "" {
		ref.Qualifier = lambda.LatestVersion
	}
	return lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: %s", ref.ARN(r.identity))
}

// isComing says that the call is for a published version whose first pod is on its way. A version on AWS can be called as
// soon as it is published, so callers are not prepared for a refusal; a function that is being created refuses there too.
func (r *route) isComing() bool {
	state, _, _ := r.status.State()
	return r.version != lambda.LatestVersion && state == v1alpha1.StatePending
}

// refusal is why a call of a function that is there cannot be run; nil if it can.
func (r *route) refusal() error {
	if limit, ok := r.reserved(); ok && limit == 0 {
		return lambda.Throttled(lambda.ReasonReservedConcurrency, retryAfter)
	}
	if state, _, _ := r.status.State(); state != v1alpha1.StateActive {
		return lambda.Errorf(lambda.CodeResourceConflict,
			"The operation cannot be performed at this time. The function is currently in the following state: %s", state)
	}
	if r.status.Protocol == v1alpha1.ProtocolHTTP {
		return lambda.Errorf(lambda.CodeInvalidRequestContent,
			"Function %s is a container that serves HTTP and takes no events. Send HTTP requests to its URL instead: %s", r.function.LambdaName(), r.status.URL)
	}
	return nil
}

// reserved is how many calls of the function, in all its versions, may run at once.
func (r *route) reserved() (limit int32, ok bool) {
	c := r.function.Spec.Concurrency
	if c == nil || c.Reserved == nil {
		return 0, false
	}
	return *c.Reserved, true
}
