package gateway

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// aliasInput is CreateAliasRequest, and UpdateAliasRequest but for RevisionId.
type aliasInput struct {
	Name            *string
	FunctionVersion *string
	Description     *string
	RoutingConfig   *routingConfig
}

// updateAliasInput is UpdateAliasRequest. The name is in the path.
type updateAliasInput struct {
	FunctionVersion *string
	Description     *string
	RoutingConfig   *routingConfig
	RevisionId      string
}

type routingConfig struct {
	AdditionalVersionWeights map[string]float64 `json:",omitempty"`
}

// aliasConfiguration is AliasConfiguration of the API's model.
type aliasConfiguration struct {
	AliasArn        string
	Name            string
	FunctionVersion string
	Description     string
	RoutingConfig   *routingConfig `json:",omitempty"`
	RevisionId      string
}

var (
	aliasForm         = regexp.MustCompile(`^[a-zA-Z0-9-_]*[a-zA-Z-_][a-zA-Z0-9-_]*$`)
	aliasVersionForm  = regexp.MustCompile(`^(\$LATEST(\.PUBLISHED)?|[0-9]+)$`)
	weightVersionForm = regexp.MustCompile(`^[0-9]+$`)
)

func (in *aliasInput) check() error {
	var f faults
	if in.Name == nil {
		f.missing("name")
	}
	if in.FunctionVersion == nil {
		f.missing("functionVersion")
	}
	f.longest(in.Name, "name", 128)
	f.pattern(in.Name, "name", aliasForm, "(?!^[0-9]+$)([a-zA-Z0-9-_]+)")
	checkTarget(in.FunctionVersion, in.Description, in.RoutingConfig, &f)
	return f.err()
}

// checkTarget notes what is wrong with where an alias points.
func checkTarget(version, description *string, routing *routingConfig, f *faults) {
	f.pattern(version, "functionVersion", aliasVersionForm, `(\$LATEST(\.PUBLISHED)?|[0-9]+)`)
	f.longest(description, "description", 256)
	if routing == nil {
		return
	}
	const member = "routingConfig.additionalVersionWeights"
	for _, key := range slices.Sorted(maps.Keys(routing.AdditionalVersionWeights)) {
		weight := routing.AdditionalVersionWeights[key]
		shown := fmt.Sprintf("{%s=%s}", key, decimal(weight))
		if !weightVersionForm.MatchString(key) {
			f.add(shown, member, "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "+
				"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]")
		}
		if weight < 0 || weight > 1 {
			f.add(shown, member, "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "+
				"Member must have value greater than or equal to 0.0, Member must not be null]")
		}
	}
}

// decimal is a number as AWS shows it: with one decimal at least.
func decimal(n float64) string {
	text := strconv.FormatFloat(n, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// createAlias does CreateAlias.
func (g *gateway) createAlias(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	var in aliasInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	alias := &v1alpha1.Alias{Spec: v1alpha1.AliasSpec{FunctionName: string(ref.Name), Name: *in.Name}}
	applyTarget(&alias.Spec, in.FunctionVersion, in.Description, in.RoutingConfig)
	ctx := c.r.Context()
	if err := g.checkTargets(ctx, ref, alias); err != nil {
		return nil, err
	}
	alias.Default()
	err = g.engine.Create(ctx, alias)
	if isConflict(err) {
		return nil, lambda.Errorf(lambda.CodeResourceConflict, "Alias already exists: %s", g.arn(ref.Name, *in.Name))
	}
	return g.aliasConfiguration(alias), err
}

// applyTarget writes where an alias points. An empty routing takes the weights away.
func applyTarget(spec *v1alpha1.AliasSpec, version, description *string, routing *routingConfig) {
	set(&spec.FunctionVersion, version)
	set(&spec.Description, description)
	if routing == nil {
		return
	}
	spec.AdditionalVersionWeights = nil
	for number, weight := range routing.AdditionalVersionWeights {
		if spec.AdditionalVersionWeights == nil {
			spec.AdditionalVersionWeights = make(map[string]v1alpha1.Weight, 1)
		}
		spec.AdditionalVersionWeights[number] = v1alpha1.WeightOf(weight)
	}
}

// checkTargets fails unless the function and the versions that an alias points to are there and may stand together.
func (g *gateway) checkTargets(ctx context.Context, ref lambda.Reference, alias *v1alpha1.Alias) error {
	spec := &alias.Spec
	if len(spec.AdditionalVersionWeights) > 1 {
		return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	if len(spec.AdditionalVersionWeights) > 0 && spec.FunctionVersion == lambda.LatestVersion {
		return untyped("$LATEST is not supported for an alias pointing to more than 1 version")
	}
	if len(spec.AdditionalVersionWeights) > 0 && deref(spec.ProvisionedConcurrency) > 0 {
		return invalid("%s", notWeighted)
	}
	if spec.FunctionVersion == lambda.LatestVersion && deref(spec.ProvisionedConcurrency) > 0 {
		return invalid("%s", notUnpublished)
	}
	if _, twice := spec.AdditionalVersionWeights[spec.FunctionVersion]; twice {
		return invalid("Invalid function version %s. Function version %s is already included in routing configuration.", spec.FunctionVersion, spec.FunctionVersion)
	}
	for _, version := range targets(alias) {
		ref.Qualifier = version
		if _, err := g.function(ctx, ref); err != nil {
			return err
		}
		if version == lambda.LatestVersion {
			continue
		}
		if _, err := g.version(ctx, ref, version); err != nil {
			return err
		}
	}
	return nil
}

// targets are the versions that an alias points to.
func targets(alias *v1alpha1.Alias) []string {
	return append([]string{alias.Spec.FunctionVersion}, slices.Sorted(maps.Keys(alias.Spec.AdditionalVersionWeights))...)
}

// alias gets the alias that a qualifier names.
func (g *gateway) alias(ctx context.Context, ref lambda.Reference) (*v1alpha1.Alias, error) {
	alias := new(v1alpha1.Alias)
	err := g.engine.Get(ctx, v1alpha1.AliasObjectName(string(ref.Name), ref.Qualifier), alias)
	if isNotFound(err) {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "Cannot find alias arn: %s", g.arn(ref.Name, ref.Qualifier))
	}
	return alias, err
}

// aliases gives all aliases of a function by name.
func (g *gateway) aliases(ctx context.Context, name lambda.Name) ([]v1alpha1.Alias, error) {
	var found v1alpha1.AliasList
	if err := g.engine.List(ctx, &found, map[string]string{v1alpha1.LabelFunction: v1alpha1.ObjectName(string(name))}); err != nil {
		return nil, err
	}
	slices.SortFunc(found.Items, func(a, b v1alpha1.Alias) int { return strings.Compare(a.Spec.Name, b.Spec.Name) })
	return found.Items, nil
}

// aliasOf reads the function and the alias of a request's path.
func (g *gateway) aliasOf(c *call) (lambda.Reference, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return ref, err
	}
	name := c.label("Name")
	var f faults
	f.longest(&name, "name", 128)
	f.pattern(&name, "name", aliasForm, "(?!^[0-9]+$)([a-zA-Z0-9-_]+)")
	ref.Qualifier = name
	return ref, f.err()
}

// getAlias does GetAlias.
func (g *gateway) getAlias(c *call) (any, error) {
	ref, err := g.aliasOf(c)
	if err != nil {
		return nil, err
	}
	alias, err := g.alias(c.r.Context(), ref)
	if err != nil {
		return nil, err
	}
	return g.aliasConfiguration(alias), nil
}

// updateAlias does UpdateAlias.
func (g *gateway) updateAlias(c *call) (any, error) {
	ref, err := g.aliasOf(c)
	if err != nil {
		return nil, err
	}
	var in updateAliasInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	checkTarget(in.FunctionVersion, in.Description, in.RoutingConfig, &f)
	if err := f.err(); err != nil {
		return nil, err
	}
	for range maxRaces {
		alias, err := g.changeAlias(c.r.Context(), ref, &in)
		if !isStale(err) || in.RevisionId != "" {
			return alias, err
		}
	}
	return nil, g.inProgress(ref.Name)
}

func (g *gateway) changeAlias(ctx context.Context, ref lambda.Reference, in *updateAliasInput) (any, error) {
	alias, err := g.alias(ctx, ref)
	if isNotFound(err) {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "Alias not found: %s", g.arn(ref.Name, ref.Qualifier))
	}
	if err != nil {
		return nil, err
	}
	if err := sameRevision(in.RevisionId, aliasRevision(&alias.ObjectMeta)); err != nil {
		return nil, err
	}
	applyTarget(&alias.Spec, in.FunctionVersion, in.Description, in.RoutingConfig)
	if err := g.checkTargets(ctx, ref, alias); err != nil {
		return nil, err
	}
	if err := g.engine.Update(ctx, alias); err != nil {
		return nil, err
	}
	return g.aliasConfiguration(alias), nil
}

// deleteAlias does DeleteAlias. As on AWS, an alias that is not there counts as deleted.
func (g *gateway) deleteAlias(c *call) (any, error) {
	ref, err := g.aliasOf(c)
	if err != nil {
		return nil, err
	}
	alias, err := g.alias(c.r.Context(), ref)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, g.remove(c.r.Context(), alias)
}

// listAliasesOutput is ListAliasesResponse.
type listAliasesOutput struct {
	Aliases    []aliasConfiguration
	NextMarker string `json:",omitempty"`
}

// listAliases does ListAliases.
func (g *gateway) listAliases(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	page, err := c.page(10000)
	if err != nil {
		return nil, err
	}
	if _, err := g.function(c.r.Context(), ref); err != nil {
		return nil, err
	}
	all, err := g.aliases(c.r.Context(), ref.Name)
	if err != nil {
		return nil, err
	}
	if version := c.query("FunctionVersion"); version != "" {
		all = slices.DeleteFunc(all, func(a v1alpha1.Alias) bool { return !slices.Contains(targets(&a), version) })
	}
	shown, next := paginate(all, page, func(a v1alpha1.Alias) string { return a.Spec.Name })
	out := listAliasesOutput{Aliases: make([]aliasConfiguration, 0, len(shown)), NextMarker: next}
	for i := range shown {
		out.Aliases = append(out.Aliases, g.aliasConfiguration(&shown[i]))
	}
	return out, nil
}

// aliasConfiguration makes the API's form of an alias.
func (g *gateway) aliasConfiguration(alias *v1alpha1.Alias) aliasConfiguration {
	out := aliasConfiguration{
		AliasArn: g.arn(lambda.Name(alias.Spec.FunctionName), alias.Spec.Name), Name: alias.Spec.Name,
		FunctionVersion: alias.Spec.FunctionVersion, Description: alias.Spec.Description, RevisionId: aliasRevision(&alias.ObjectMeta),
	}
	for version, weight := range alias.Spec.AdditionalVersionWeights {
		share, err := weight.Fraction()
		if err != nil {
			continue // the engine takes no such weight
		}
		out.RoutingConfig = &routingConfig{AdditionalVersionWeights: map[string]float64{version: share}}
	}
	return out
}
