package gateway

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// annotationProvisionedModified is when the provisioned concurrency of a version or alias last changed, which has no member
// of its own.
const annotationProvisionedModified = v1alpha1.Group + "/provisioned-last-modified"

// Sentences of AWS's that several operations share.
const (
	notUnpublished  = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
	onlyPublished   = "The function resource provided must be an alias or a published version."
	notWeighted     = "Alias with weights can not be used with Provisioned Concurrency"
	versionHasOwn   = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
	versionHasAlias = "Version is pointed by a Provisioned Concurrency alias"
)

// provisionedInput is PutProvisionedConcurrencyConfigRequest.
type provisionedInput struct {
	ProvisionedConcurrentExecutions *int32
}

// provisionedConfig is GetProvisionedConcurrencyConfigResponse, and an item of lists.
type provisionedConfig struct {
	FunctionArn                              string `json:",omitempty"` // in lists alone
	RequestedProvisionedConcurrentExecutions int32
	AvailableProvisionedConcurrentExecutions *int32 `json:",omitempty"`
	AllocatedProvisionedConcurrentExecutions int32
	Status                                   string
	StatusReason                             string `json:",omitempty"`
	LastModified                             string
}

// provisionable is a version, or an alias and the version that it points to.
type provisionable struct {
	object    v1alpha1.Object
	wish      **int32 // the object's member
	qualifier string
	version   *v1alpha1.Version
	alias     *v1alpha1.Alias // nil for a version
}

func (p *provisionable) asked() int32 { return deref(*p.wish) }

// provisionable finds what a request is about.
func (g *gateway) provisionable(ctx context.Context, ref lambda.Reference) (*provisionable, error) {
	if isVersion(ref.Qualifier) {
		v, err := g.version(ctx, ref, ref.Qualifier)
		if err != nil {
			return nil, err
		}
		return &provisionable{object: v, wish: &v.Spec.ProvisionedConcurrency, qualifier: number(v), version: v}, nil
	}
	alias, err := g.alias(ctx, ref)
	if err != nil {
		return nil, err
	}
	p := &provisionable{object: alias, wish: &alias.Spec.ProvisionedConcurrency, qualifier: alias.Spec.Name, alias: alias}
	if alias.Spec.FunctionVersion == lambda.LatestVersion {
		return p, nil
	}
	p.version, err = g.version(ctx, ref, alias.Spec.FunctionVersion)
	return p, err
}

// provisionedTarget reads the version or alias of a request; latest is what is said of $LATEST.
func (g *gateway) provisionedTarget(c *call, latest string) (lambda.Reference, error) {
	ref, err := g.reference(c)
	if err != nil {
		return ref, err
	}
	if ref.Qualifier == "" {
		var f faults
		f.missing("qualifier")
		return ref, f.err()
	}
	if ref.Qualifier == lambda.LatestVersion {
		return ref, invalid("%s", latest)
	}
	return ref, nil
}

// putProvisioned does PutProvisionedConcurrencyConfig.
func (g *gateway) putProvisioned(c *call) (any, error) {
	ref, err := g.provisionedTarget(c, notUnpublished)
	if err != nil {
		return nil, err
	}
	var in provisionedInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	if in.ProvisionedConcurrentExecutions == nil {
		f.missing("provisionedConcurrentExecutions")
	}
	f.within(in.ProvisionedConcurrentExecutions, "provisionedConcurrentExecutions", 1, 1<<20)
	if err := f.err(); err != nil {
		return nil, err
	}
	p, err := g.provision(c.r.Context(), ref, in.ProvisionedConcurrentExecutions)
	if err != nil {
		return nil, err
	}
	return provisionedConfig{
		RequestedProvisionedConcurrentExecutions: p.asked(), Status: statusInProgress, LastModified: provisionedModified(p.object),
	}, nil
}

// provision writes what is asked for, nil for none, into a version or alias.
func (g *gateway) provision(ctx context.Context, ref lambda.Reference, n *int32) (*provisionable, error) {
	for range maxRaces {
		p, err := g.provisionable(ctx, ref)
		if err != nil {
			return nil, err
		}
		if n != nil {
			if err := g.checkProvisioned(ctx, ref, p, *n); err != nil {
				return nil, err
			}
		}
		*p.wish = n
		annotate(p.object, annotationProvisionedModified, g.Clock())
		if err := g.engine.Update(ctx, p.object); !isStale(err) {
			return p, err
		}
	}
	return nil, g.inProgress(ref.Name)
}

// annotate notes a time on an object.
func annotate(obj metav1.Object, key string, at time.Time) {
	all := obj.GetAnnotations()
	if all == nil {
		all = make(map[string]string, 1)
	}
	all[key] = at.UTC().Format(time.RFC3339Nano)
	obj.SetAnnotations(all)
}

// annotated is the time that annotate noted; if there is none, when the object was made.
func annotated(obj metav1.Object, key string) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, obj.GetAnnotations()[key]); err == nil {
		return t
	}
	return obj.GetCreationTimestamp().Time
}

func provisionedModified(obj metav1.Object) string {
	return annotated(obj, annotationProvisionedModified).UTC().Format(textTime)
}

// checkProvisioned refuses what would stand in the way of other configs or of the limits of concurrency.
func (g *gateway) checkProvisioned(ctx context.Context, ref lambda.Reference, p *provisionable, n int32) error {
	if p.version == nil {
		return invalid("%s", notUnpublished)
	}
	if p.alias != nil && len(p.alias.Spec.AdditionalVersionWeights) > 0 {
		return invalid("%s", notWeighted)
	}
	if p.alias != nil && deref(p.version.Spec.ProvisionedConcurrency) > 0 {
		return lambda.Errorf(lambda.CodeResourceConflict, "%s", versionHasOwn)
	}
	all, err := g.provisionedTotals(ctx)
	if err != nil {
		return err
	}
	if p.alias == nil && all.byAliases[p.version.Name] > 0 {
		return lambda.Errorf(lambda.CodeResourceConflict, "%s", versionHasAlias)
	}
	fn, err := g.function(ctx, lambda.Reference{Name: ref.Name})
	if err != nil {
		return err
	}
	total := all.byFunction[fn.Name] - p.asked() + n
	if r := reserved(fn); r != nil {
		if total > *r {
			return invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		}
		return nil
	}
	return g.checkUnreserved(all, fn, total)
}

// checkUnreserved refuses more provisioned concurrency than the functions without reserved concurrency share.
func (g *gateway) checkUnreserved(all provisionedTotals, fn *v1alpha1.Function, total int32) error {
	rest := g.unreserved(all.functions, "")
	for i := range all.functions {
		if other := &all.functions[i]; other.Name != fn.Name && reserved(other) == nil {
			rest -= all.byFunction[other.Name]
		}
	}
	if total > rest {
		return untyped("Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", rest)
	}
	if rest-total < minUnreserved {
		return untyped("Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)
	}
	return nil
}

// provisionedTotals is how much provisioned concurrency is asked for, by the names of objects.
type provisionedTotals struct {
	functions  []v1alpha1.Function
	byFunction map[string]int32 // by a function, its versions and its aliases
	byAliases  map[string]int32 // by the aliases that point to a version
}

// provisionedTotals adds up what is asked for in the account.
func (g *gateway) provisionedTotals(ctx context.Context) (provisionedTotals, error) {
	var functions v1alpha1.FunctionList
	var versions v1alpha1.VersionList
	var aliases v1alpha1.AliasList
	for _, list := range []func() error{
		func() error { return g.engine.List(ctx, &functions, nil) },
		func() error { return g.engine.List(ctx, &versions, nil) },
		func() error { return g.engine.List(ctx, &aliases, nil) },
	} {
		if err := list(); err != nil {
			return provisionedTotals{}, err
		}
	}
	all := provisionedTotals{functions: functions.Items, byFunction: make(map[string]int32), byAliases: make(map[string]int32)}
	for i := range functions.Items {
		if c := functions.Items[i].Spec.Concurrency; c != nil {
			all.byFunction[functions.Items[i].Name] += deref(c.Provisioned)
		}
	}
	for i := range versions.Items {
		all.byFunction[v1alpha1.ObjectName(versions.Items[i].Spec.FunctionName)] += deref(versions.Items[i].Spec.ProvisionedConcurrency)
	}
	for i := range aliases.Items {
		a := &aliases.Items[i].Spec
		object := v1alpha1.ObjectName(a.FunctionName)
		all.byFunction[object] += deref(a.ProvisionedConcurrency)
		all.byAliases[object+"."+a.FunctionVersion] += deref(a.ProvisionedConcurrency)
	}
	return all, nil
}

// getProvisioned does GetProvisionedConcurrencyConfig.
func (g *gateway) getProvisioned(c *call) (any, error) {
	ref, err := g.provisionedTarget(c, onlyPublished)
	if err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	p, err := g.provisionable(ctx, ref)
	if err != nil {
		return nil, err
	}
	if p.asked() == 0 {
		return nil, lambda.Errorf(lambda.CodeProvisionedConcurrencyConfigAbsent, "No Provisioned Concurrency Config found for this function")
	}
	aliases, err := g.aliases(ctx, ref.Name)
	if err != nil {
		return nil, err
	}
	return p.config(aliases), nil
}

// deleteProvisioned does DeleteProvisionedConcurrencyConfig. As on AWS, one that is not there counts as deleted.
func (g *gateway) deleteProvisioned(c *call) (any, error) {
	ref, err := g.provisionedTarget(c, onlyPublished)
	if err != nil {
		return nil, err
	}
	p, err := g.provisionable(c.r.Context(), ref)
	if err != nil || *p.wish == nil {
		return nil, err
	}
	_, err = g.provision(c.r.Context(), ref, nil)
	return nil, err
}

// listProvisionedOutput is ListProvisionedConcurrencyConfigsResponse.
type listProvisionedOutput struct {
	ProvisionedConcurrencyConfigs []provisionedConfig
	NextMarker                    string `json:",omitempty"`
}

// listProvisioned does ListProvisionedConcurrencyConfigs: versions by number, then aliases by name.
func (g *gateway) listProvisioned(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	page, err := c.page(50)
	if err != nil {
		return nil, err
	}
	all, err := g.provisionedConfigs(c.r.Context(), lambda.Reference{Name: ref.Name})
	if err != nil {
		return nil, err
	}
	shown, next := paginate(all, page, func(p provisionedConfig) string { return p.FunctionArn })
	return listProvisionedOutput{ProvisionedConcurrencyConfigs: shown, NextMarker: next}, nil
}

func (g *gateway) provisionedConfigs(ctx context.Context, ref lambda.Reference) ([]provisionedConfig, error) {
	fn, err := g.function(ctx, ref)
	if err != nil {
		return nil, err
	}
	snapshots, err := g.versionSnapshots(ctx, fn)
	if err != nil {
		return nil, err
	}
	aliases, err := g.aliases(ctx, ref.Name)
	if err != nil {
		return nil, err
	}
	qualifiers := make([]string, 0, len(snapshots)+len(aliases))
	for _, s := range snapshots[1:] { // without $LATEST
		qualifiers = append(qualifiers, s.version)
	}
	for i := range aliases {
		qualifiers = append(qualifiers, aliases[i].Spec.Name)
	}
	all := []provisionedConfig{}
	for _, qualifier := range qualifiers {
		ref.Qualifier = qualifier
		p, err := g.provisionable(ctx, ref)
		if isNotFound(err) || err == nil && p.asked() == 0 {
			continue // of those that are there, or were a moment ago
		}
		if err != nil {
			return nil, err
		}
		config := p.config(aliases)
		config.FunctionArn = g.arn(ref.Name, qualifier)
		all = append(all, config)
	}
	return all, nil
}

// The statuses of provisioned concurrency.
const (
	statusInProgress = "IN_PROGRESS"
	statusReady      = "READY"
	statusFailed     = "FAILED"
)

// config is what has become of what is asked for. The environments of a version are counted together; those that it asks
// for by itself and by each of its aliases are alike.
func (p *provisionable) config(aliases []v1alpha1.Alias) provisionedConfig {
	asked := p.asked()
	out := provisionedConfig{
		RequestedProvisionedConcurrentExecutions: asked, AvailableProvisionedConcurrentExecutions: new(int32),
		Status: statusInProgress, LastModified: provisionedModified(p.object),
	}
	if p.version == nil {
		out.Status, out.StatusReason = statusFailed, notUnpublished
		return out
	}
	st := p.version.Status.Provisioned
	if st != nil && st.Requested == p.wanted(aliases) {
		*out.AvailableProvisionedConcurrentExecutions = min(st.Available, asked)
		out.AllocatedProvisionedConcurrentExecutions = min(st.Allocated, asked)
		if st.Available >= st.Requested {
			out.Status = statusReady
			return out
		}
		out.StatusReason = st.Message
	}
	if c := meta.FindStatusCondition(p.version.Status.Conditions, v1alpha1.ConditionReady); c != nil && c.Status == metav1.ConditionFalse {
		out.StatusReason = c.Message
	}
	if out.StatusReason != "" {
		out.Status = statusFailed
	}
	return out
}

// wanted is how many environments the version has to keep.
func (p *provisionable) wanted(aliases []v1alpha1.Alias) int32 {
	sum := deref(p.version.Spec.ProvisionedConcurrency)
	for i := range aliases {
		if aliases[i].Spec.FunctionVersion == number(p.version) {
			sum += deref(aliases[i].Spec.ProvisionedConcurrency)
		}
	}
	return sum
}
