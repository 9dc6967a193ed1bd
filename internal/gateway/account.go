package gateway

import (
	"context"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// codeStorage is how much code a new AWS account may store, in bytes. It is shown and not enforced: the disk decides.
const codeStorage = 80530636800

// accountSettings is GetAccountSettingsResponse.
type accountSettings struct {
	AccountLimit accountLimit
	AccountUsage accountUsage
}

type accountLimit struct {
	TotalCodeSize                  int64
	CodeSizeUnzipped               int64
	CodeSizeZipped                 int64
	ConcurrentExecutions           int32
	UnreservedConcurrentExecutions int32
}

type accountUsage struct {
	TotalCodeSize int64
	FunctionCount int64
}

// getAccountSettings does GetAccountSettings.
func (g *gateway) getAccountSettings(c *call) (any, error) {
	var functions v1alpha1.FunctionList
	if err := g.engine.List(c.r.Context(), &functions, nil); err != nil {
		return nil, err
	}
	used, err := g.storedCode(c.r.Context(), functions.Items)
	if err != nil {
		return nil, err
	}
	return accountSettings{
		AccountLimit: accountLimit{
			TotalCodeSize: codeStorage, CodeSizeUnzipped: lambda.MaxUnzipped, CodeSizeZipped: lambda.MaxZip,
			ConcurrentExecutions: g.Concurrency, UnreservedConcurrentExecutions: g.unreserved(functions.Items, ""),
		},
		AccountUsage: accountUsage{TotalCodeSize: used, FunctionCount: int64(len(functions.Items))},
	}, nil
}

// storedCode adds up the code of all functions, versions and layers, each for itself, as AWS does.
func (g *gateway) storedCode(ctx context.Context, functions []v1alpha1.Function) (int64, error) {
	var sum int64
	for i := range functions {
		_, size := codeOf(snapshotOf(&functions[i], ""))
		sum += size
	}
	var versions v1alpha1.VersionList
	if err := g.engine.List(ctx, &versions, nil); err != nil {
		return 0, err
	}
	for i := range versions.Items {
		_, size := codeOf(versionSnapshot(&versions.Items[i], ""))
		sum += size
	}
	layers, err := engine.LayerVersions(ctx, g.engine, "")
	for i := range layers {
		sum += layers[i].Spec.Content.Size
	}
	return sum, err
}

// unreserved is the concurrency that functions share which reserve none, with one function left out of the count.
func (g *gateway) unreserved(functions []v1alpha1.Function, except lambda.Name) int32 {
	rest := g.Concurrency
	for i := range functions {
		if r := reserved(&functions[i]); r != nil && nameOf(&functions[i]) != except {
			rest -= *r
		}
	}
	return max(0, rest)
}

// reserved is a function's reserved concurrency; nil if it has none.
func reserved(fn *v1alpha1.Function) *int32 {
	if fn.Spec.Concurrency == nil {
		return nil
	}
	return fn.Spec.Concurrency.Reserved
}
