package gateway

import (
	"context"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// minUnreserved is the concurrency that AWS keeps for functions that reserve none.
const minUnreserved = 100

// concurrency is Concurrency and GetFunctionConcurrencyResponse of the API's model.
type concurrency struct {
	ReservedConcurrentExecutions *int32 `json:",omitempty"`
}

// concurrencyTarget reads the function of a request. AWS shows $LATEST in the errors of these operations.
func (g *gateway) concurrencyTarget(c *call) (lambda.Reference, error) {
	ref, err := g.unqualified(c)
	ref.Qualifier = lambda.LatestVersion
	return ref, err
}

// putFunctionConcurrency does PutFunctionConcurrency.
func (g *gateway) putFunctionConcurrency(c *call) (any, error) {
	ref, err := g.concurrencyTarget(c)
	if err != nil {
		return nil, err
	}
	var in concurrency
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	if in.ReservedConcurrentExecutions == nil {
		f.missing("reservedConcurrentExecutions")
	}
	f.within(in.ReservedConcurrentExecutions, "reservedConcurrentExecutions", 0, 1<<30)
	if err := f.err(); err != nil {
		return nil, err
	}
	if _, err := g.function(c.r.Context(), ref); err != nil {
		return nil, err
	}
	if err := g.checkReserved(c.r.Context(), ref, *in.ReservedConcurrentExecutions); err != nil {
		return nil, err
	}
	var functions v1alpha1.FunctionList
	if err := g.engine.List(c.r.Context(), &functions, nil); err != nil {
		return nil, err
	}
	if rest := g.unreserved(functions.Items, ref.Name); rest-*in.ReservedConcurrentExecutions < minUnreserved {
		return nil, untyped("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "+
			"below its minimum value of [%d].", minUnreserved)
	}
	err = g.adjust(c.r.Context(), ref, func(fn *v1alpha1.Function) error {
		if fn.Spec.Concurrency == nil {
			fn.Spec.Concurrency = &v1alpha1.Concurrency{}
		}
		fn.Spec.Concurrency.Reserved = in.ReservedConcurrentExecutions
		return nil
	})
	return in, err
}

// checkReserved refuses less reserved concurrency than the function's provisioned concurrency needs. The spaces are AWS's.
func (g *gateway) checkReserved(ctx context.Context, ref lambda.Reference, n int32) error {
	all, err := g.provisionedTotals(ctx)
	if err != nil {
		return err
	}
	if total := all.byFunction[v1alpha1.ObjectName(string(ref.Name))]; n < total {
		return untyped(" ReservedConcurrentExecutions  %d should not be lower than function's total provisioned concurrency [%d].", n, total)
	}
	return nil
}

// getFunctionConcurrency does GetFunctionConcurrency.
func (g *gateway) getFunctionConcurrency(c *call) (any, error) {
	ref, err := g.concurrencyTarget(c)
	if err != nil {
		return nil, err
	}
	fn, err := g.function(c.r.Context(), ref)
	if err != nil {
		return nil, err
	}
	return concurrency{ReservedConcurrentExecutions: reserved(fn)}, nil
}

// deleteFunctionConcurrency does DeleteFunctionConcurrency.
func (g *gateway) deleteFunctionConcurrency(c *call) (any, error) {
	ref, err := g.concurrencyTarget(c)
	if err != nil {
		return nil, err
	}
	err = g.adjust(c.r.Context(), ref, func(fn *v1alpha1.Function) error {
		if fn.Spec.Concurrency != nil {
			fn.Spec.Concurrency.Reserved = nil
		}
		return nil
	})
	return nil, err
}
