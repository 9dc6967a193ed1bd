package gateway

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// createFunctionInput is CreateFunctionRequest.
type createFunctionInput struct {
	settings

	FunctionName  *string
	PackageType   string
	Code          codeInput
	Architectures []string
	Publish       bool
	Tags          map[string]string

	CodeSigningConfigArn string
	TenancyConfig        *tenancyConfig

	PublishTo refused `why:"there are no capacity providers here; use Publish"`
}

func (in *createFunctionInput) check() error {
	var f faults
	if in.FunctionName == nil {
		f.missing("functionName")
	}
	if in.Role == nil {
		f.missing("role")
	}
	f.oneOf(in.PackageType, "packageType", "Zip", "Image")
	checkArchitectures(in.Architectures, &f)
	in.TenancyConfig.check(&f)
	in.settings.check(&f)
	return f.err()
}

// createFunction does CreateFunction.
func (g *gateway) createFunction(c *call) (any, error) {
	var in createFunctionInput
	upload, err := g.decodeUpload(c, &in, "Code", "ZipFile")
	if err != nil {
		return nil, err
	}
	defer upload.Close()
	if err := g.authorizeCreate(c, deref(in.FunctionName)); err != nil {
		return nil, err
	}
	name, err := g.newName(&in)
	if err != nil {
		return nil, err
	}
	if err := checkSource(v1alpha1.PackageType(in.PackageType), &in.Code, upload); err != nil {
		return nil, err
	}
	if err := g.fetchCode(c.r.Context(), &in.Code.s3Input, upload); err != nil {
		return nil, err
	}
	fn := &v1alpha1.Function{Spec: v1alpha1.FunctionSpec{
		FunctionName: string(name), PackageType: v1alpha1.PackageType(in.PackageType), Tags: in.Tags,
		Architectures: architectures(in.Architectures), Tenancy: in.TenancyConfig.tenancy(),
		// Nobody reaches a function of AWS by plain HTTP before it is given a URL.
		HTTP: &v1alpha1.HTTP{Visibility: v1alpha1.VisibilityClusterLocal},
	}}
	if err := g.attachCodeSigning(c.r.Context(), fn, in.CodeSigningConfigArn); err != nil {
		return nil, err
	}
	if err := g.verifyCode(c.r.Context(), fn.Spec.CodeSigningConfig); err != nil {
		return nil, err
	}
	if fn.Spec.Code, err = g.takeCode(c.r.Context(), &in.Code, upload); err != nil {
		return nil, err
	}
	if err := in.apply(&fn.Spec); err != nil {
		return nil, err
	}
	if err := g.create(c.r.Context(), fn); err != nil {
		return nil, err
	}
	out := snapshotOf(fn, g.arn(name, ""))
	if in.Publish {
		v, _, err := engine.PublishVersion(c.r.Context(), g.engine, fn, "")
		if err != nil {
			return nil, err
		}
		out = versionSnapshot(v, g.arn(name, "")) // AWS leaves the ARN unqualified in this reply
	}
	return g.describe(c.r.Context(), out)
}

// newName checks the request for a new function and gives the function's name.
func (g *gateway) newName(in *createFunctionInput) (lambda.Name, error) {
	if err := in.check(); err != nil {
		return "", err
	}
	ref, err := parseNewName(*in.FunctionName)
	if err != nil {
		return "", err
	}
	if err := g.reachable(ref); err != nil {
		return "", err
	}
	if err := in.refuse(); err != nil {
		return "", err
	}
	if err := g.refuseFileSystems(in.FileSystemConfigs); err != nil {
		return "", err
	}
	if err := g.checkDeadLetter(in.DeadLetterConfig); err != nil {
		return "", err
	}
	if in.PackageType != string(v1alpha1.PackageTypeImage) && (deref(in.Runtime) == "" || deref(in.Handler) == "") {
		return "", invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	return ref.Name, checkTags(in.Tags)
}

// parseNewName reads the name of a new function: a name or an ARN without a qualifier.
func parseNewName(text string) (lambda.Reference, error) {
	if len(text) > 64 && !strings.Contains(text, ":") {
		return lambda.Reference{}, invalid("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: "+
			"Member must have length less than or equal to 64", text)
	}
	ref, err := lambda.ParseFunctionName(text)
	if err != nil {
		return ref, err
	}
	if ref.Qualifier != "" {
		return ref, invalid("A new function has no versions or aliases yet; leave %q off its name.", ":"+ref.Qualifier)
	}
	return ref, nil
}

// create checks the layers and creates the object.
func (g *gateway) create(ctx context.Context, fn *v1alpha1.Function) error {
	if err := g.checkLayers(ctx, fn.Spec.Layers); err != nil {
		return err
	}
	fn.Default()
	err := g.engine.Create(ctx, fn)
	if isConflict(err) {
		return lambda.Errorf(lambda.CodeResourceConflict, "Function already exist: %s", fn.Spec.FunctionName)
	}
	return err
}

// function gets a function; if there is none the error names it with the qualifier that the caller gave.
func (g *gateway) function(ctx context.Context, ref lambda.Reference) (*v1alpha1.Function, error) {
	fn := new(v1alpha1.Function)
	err := g.engine.Get(ctx, v1alpha1.ObjectName(string(ref.Name)), fn)
	if isNotFound(err) {
		return nil, g.functionNotFound(ref.Name, ref.Qualifier)
	}
	return fn, err
}

// snapshotOf is a function's $LATEST.
func snapshotOf(fn *v1alpha1.Function, arn string) snapshot {
	return snapshot{spec: &fn.Spec, status: &fn.Status, meta: &fn.ObjectMeta, version: lambda.LatestVersion, arn: arn}
}

// versionSnapshot is a version of a function.
func versionSnapshot(v *v1alpha1.Version, arn string) snapshot {
	return snapshot{spec: &v.Spec.Function, status: &v.Status, meta: &v.ObjectMeta, version: number(v), arn: arn}
}

// resolve finds the function, version or alias's version that a caller names.
func (g *gateway) resolve(ctx context.Context, ref lambda.Reference) (snapshot, error) {
	fn, err := g.function(ctx, ref)
	if err != nil {
		return snapshot{}, err
	}
	version := ref.Qualifier
	if !isVersion(version) {
		alias, err := g.alias(ctx, ref)
		if isNotFound(err) {
			return snapshot{}, g.functionNotFound(ref.Name, ref.Qualifier)
		}
		if err != nil {
			return snapshot{}, err
		}
		version = alias.Spec.FunctionVersion
	}
	arn := g.arn(ref.Name, ref.Qualifier)
	if version == "" || version == lambda.LatestVersion {
		return snapshotOf(fn, arn), nil
	}
	v, err := g.version(ctx, ref, version)
	if err != nil {
		return snapshot{}, err
	}
	return versionSnapshot(v, arn), nil
}

// isVersion reports whether a qualifier is not the name of an alias.
func isVersion(qualifier string) bool {
	return qualifier == "" || qualifier == lambda.LatestVersion || strings.Trim(qualifier, "0123456789") == ""
}

// version gets a version by its number; the error if there is none names what the caller asked for.
func (g *gateway) version(ctx context.Context, ref lambda.Reference, number string) (*v1alpha1.Version, error) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != number { // 01 is not another name of version 1
		return nil, g.functionNotFound(ref.Name, ref.Qualifier)
	}
	v := new(v1alpha1.Version)
	err = g.engine.Get(ctx, v1alpha1.VersionObjectName(string(ref.Name), n), v)
	if isNotFound(err) {
		return nil, g.functionNotFound(ref.Name, number)
	}
	return v, err
}

// getFunctionOutput is GetFunctionResponse.
type getFunctionOutput struct {
	Configuration functionConfiguration
	Code          codeLocation
	Tags          map[string]string `json:",omitempty"`
	Concurrency   *concurrency      `json:",omitempty"`
}

// getFunction does GetFunction.
func (g *gateway) getFunction(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	s, err := g.resolve(c.r.Context(), ref)
	if err != nil {
		return nil, err
	}
	fn, err := g.function(c.r.Context(), ref)
	if err != nil {
		return nil, err
	}
	configuration, err := g.describe(c.r.Context(), s)
	if err != nil {
		return nil, err
	}
	out := getFunctionOutput{Configuration: configuration, Code: g.location(c.r, s), Tags: fn.Spec.Tags}
	if r := reserved(fn); r != nil {
		out.Concurrency = &concurrency{ReservedConcurrentExecutions: r}
	}
	return out, nil
}

// getFunctionConfiguration does GetFunctionConfiguration.
func (g *gateway) getFunctionConfiguration(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	s, err := g.resolve(c.r.Context(), ref)
	if err != nil {
		return nil, err
	}
	return g.describe(c.r.Context(), s)
}

// deleteFunction does DeleteFunction.
func (g *gateway) deleteFunction(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	if ref.Qualifier == lambda.LatestVersion {
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	fn, err := g.function(ctx, lambda.Reference{Name: ref.Name})
	if err != nil {
		return nil, err
	}
	if ref.Qualifier == "" {
		return status(http.StatusNoContent), g.remove(ctx, fn)
	}
	return status(http.StatusNoContent), g.deleteVersion(ctx, ref)
}

// remove deletes an object whatever its state is by now. The uid still keeps a new object of the same name safe.
func (g *gateway) remove(ctx context.Context, obj v1alpha1.Object) error {
	obj.SetResourceVersion("")
	return g.engine.Delete(ctx, obj)
}

// deleteVersion deletes one version. As on AWS, one that is not there counts as deleted.
func (g *gateway) deleteVersion(ctx context.Context, ref lambda.Reference) error {
	if !isVersion(ref.Qualifier) {
		return invalid("Deletion of aliases is not currently supported.")
	}
	v, err := g.version(ctx, ref, ref.Qualifier)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	aliases, err := g.aliases(ctx, ref.Name)
	if err != nil {
		return err
	}
	for i := range aliases {
		if slices.Contains(targets(&aliases[i]), ref.Qualifier) {
			return lambda.Errorf(lambda.CodeResourceConflict, "Unable to delete version because the following aliases reference it: [%s]", aliases[i].Spec.Name)
		}
	}
	return g.remove(ctx, v)
}

// deref is what a pointer points to, or nothing.
func deref[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}
