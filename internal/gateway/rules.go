package gateway

import (
	"regexp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// recursionConfig is PutFunctionRecursionConfigRequest and the replies of both operations.
type recursionConfig struct {
	RecursiveLoop *v1alpha1.RecursiveLoop
}

// putRecursion does PutFunctionRecursionConfig.
func (g *gateway) putRecursion(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	var in recursionConfig
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	if in.RecursiveLoop == nil {
		f.missing("recursiveLoop")
	} else {
		f.enum(string(*in.RecursiveLoop), "recursiveLoop", "Terminate", "Allow")
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	err = g.adjust(c.r.Context(), ref, func(fn *v1alpha1.Function) error {
		fn.Spec.RecursiveLoop = *in.RecursiveLoop
		return nil
	})
	return in, err
}

// getRecursion does GetFunctionRecursionConfig.
func (g *gateway) getRecursion(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	fn, err := g.function(c.r.Context(), ref)
	if err != nil {
		return nil, err
	}
	loop := v1alpha1.RecursiveLoopAllow
	if fn.Spec.TerminatesLoops() {
		loop = v1alpha1.RecursiveLoopTerminate
	}
	return recursionConfig{RecursiveLoop: &loop}, nil
}

// runtimeManagement is the reply of both operations on it. Runtimes are those of this installation and change with it, so
// that it is the same for all functions.
type runtimeManagement struct {
	UpdateRuntimeOn string
	FunctionArn     string
}

// runtimeManagementInput is PutRuntimeManagementConfigRequest.
type runtimeManagementInput struct {
	UpdateRuntimeOn   *string
	RuntimeVersionArn *string
}

const (
	updateAuto        = "Auto"
	shownRuntimeARN   = `arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}::runtime:.+`
	refusesPinnedRuns = "UpdateRuntimeOn other than Auto"
)

var runtimeARNForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:[a-z]{2}[a-z0-9-]*-\d::runtime:.+$`)

func (in *runtimeManagementInput) check() error {
	var f faults
	if in.UpdateRuntimeOn == nil {
		f.missing("updateRuntimeOn")
	} else {
		f.enum(*in.UpdateRuntimeOn, "updateRuntimeOn", "Auto", "FunctionUpdate", "Manual")
	}
	f.longest(in.RuntimeVersionArn, "runtimeVersionArn", 2048)
	f.pattern(in.RuntimeVersionArn, "runtimeVersionArn", runtimeARNForm, shownRuntimeARN)
	if err := f.err(); err != nil {
		return err
	}
	if *in.UpdateRuntimeOn != updateAuto {
		return invalid("UpdateRuntimeOn %s is not supported here: runtimes are those of this installation and change with it, for all functions at once. "+
			"Set it to Auto, or put the runtime into a container image.", *in.UpdateRuntimeOn)
	}
	if in.RuntimeVersionArn != nil {
		return invalid("RuntimeVersionArn may be given for UpdateRuntimeOn Manual only.")
	}
	return nil
}

// putRuntimeManagement does PutRuntimeManagementConfig. What it takes is what holds anyway.
func (g *gateway) putRuntimeManagement(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	var in runtimeManagementInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	return g.runtimeManagement(c, ref)
}

// getRuntimeManagement does GetRuntimeManagementConfig.
func (g *gateway) getRuntimeManagement(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	return g.runtimeManagement(c, ref)
}

func (g *gateway) runtimeManagement(c *call, ref lambda.Reference) (any, error) {
	if _, err := g.resolve(c.r.Context(), ref); err != nil {
		return nil, err
	}
	return runtimeManagement{UpdateRuntimeOn: updateAuto, FunctionArn: g.arn(ref.Name, ref.Qualifier)}, nil
}

// scalingConfig is GetFunctionScalingConfigResponse of a function without a capacity provider, as all are here: nothing is
// asked for and nothing applies.
type scalingConfig struct {
	FunctionArn string
}

// scalingInput is PutFunctionScalingConfigRequest.
type scalingInput struct {
	FunctionScalingConfig *struct {
		MinExecutionEnvironments *int32
		MaxExecutionEnvironments *int32
	}
}

const (
	shownPublished = `(\$LATEST\.PUBLISHED|[0-9]+)`
	latestOfAll    = "$LATEST.PUBLISHED" // the qualifier of what was published last to a capacity provider
)

var publishedForm = regexp.MustCompile(`^(\$LATEST\.PUBLISHED|[0-9]+)$`)

// scalingTarget reads the published version of a request, and checks that it is there.
func (g *gateway) scalingTarget(c *call) (lambda.Reference, error) {
	ref, err := g.reference(c)
	if err != nil {
		return ref, err
	}
	var f faults
	if ref.Qualifier == "" {
		f.missing("qualifier")
	} else {
		f.pattern(&ref.Qualifier, "qualifier", publishedForm, shownPublished)
	}
	if err := f.err(); err != nil {
		return ref, err
	}
	if _, err := g.function(c.r.Context(), ref); err != nil {
		return ref, err
	}
	if ref.Qualifier == latestOfAll {
		return ref, g.functionNotFound(ref.Name, latestOfAll) // nothing is published to capacity providers
	}
	_, err = g.version(c.r.Context(), ref, ref.Qualifier)
	return ref, err
}

// getScaling does GetFunctionScalingConfig.
func (g *gateway) getScaling(c *call) (any, error) {
	ref, err := g.scalingTarget(c)
	if err != nil {
		return nil, err
	}
	return scalingConfig{FunctionArn: g.arn(ref.Name, ref.Qualifier)}, nil
}

// putScaling does PutFunctionScalingConfig, which is for functions on capacity providers.
func (g *gateway) putScaling(c *call) (any, error) {
	if _, err := g.scalingTarget(c); err != nil {
		return nil, err
	}
	var in scalingInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if s := in.FunctionScalingConfig; s != nil {
		var f faults
		f.within(s.MinExecutionEnvironments, "functionScalingConfig.minExecutionEnvironments", 0, 15000)
		f.within(s.MaxExecutionEnvironments, "functionScalingConfig.maxExecutionEnvironments", 0, 15000)
		if err := f.err(); err != nil {
			return nil, err
		}
	}
	return nil, invalid("FunctionScalingConfig is for functions on capacity providers, and there are none here. To keep environments ready use " +
		"PutProvisionedConcurrencyConfig, to bound them PutFunctionConcurrency.")
}
