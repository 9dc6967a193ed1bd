package engine

import (
	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/event"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// maxVisits is how often one and the same event may come through a function, as on AWS
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html).
const maxVisits = 16

// Target is what an invocation goes to.
type Target struct {
	// ARN of the function, without a qualifier.
	ARN string
	// Function is the configuration of the function as it is now; nil where it is being deleted.
	Function *v1alpha1.FunctionSpec
	// Version is that of the version which runs.
	Version *v1alpha1.FunctionSpec
}

// Admit is [Complete] for an invocation that may run: it fails if the function isolates tenants and no tenant is named, or
// the other way round, and if the function has caused the invocation itself too often. The trace that it gives says that
// the event has come through the function once more.
func Admit(in *lambda.Invocation, to Target) (*lambda.Invocation, error) {
	if err := CheckTenant(in, to.Version); err != nil {
		return nil, err
	}
	in = Complete(in, to.Version)
	trace, ok := event.ParseTrace(in.Trace)
	if !ok {
		return in, nil // it comes from nowhere
	}
	if trace.Visits(to.ARN) >= maxVisits && to.Function.TerminatesLoops() {
		return nil, lambda.Errorf(lambda.CodeRecursiveInvocation, "Function %s has come to itself %d times in this chain of events, which was stopped. "+
			"Set its recursive loop configuration to Allow if that is meant.", to.ARN, maxVisits)
	}
	visited := *in
	visited.Trace = trace.Visit(to.ARN).String()
	return &visited, nil
}

// CheckTenant is [lambda.CheckTenant] for a version of a function.
func CheckTenant(in *lambda.Invocation, version *v1alpha1.FunctionSpec) error {
	return lambda.CheckTenant(version.IsolatesTenants(), in.TenantID)
}

// FunctionARN is the ARN of the function that a reference names, without its qualifier.
func FunctionARN(ref lambda.Reference, id lambda.Identity) string {
	ref.Qualifier = ""
	return ref.ARN(id)
}
