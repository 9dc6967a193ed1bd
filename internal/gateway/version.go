package gateway

import (
	"context"
	"strconv"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// publishVersionInput is PublishVersionRequest.
type publishVersionInput struct {
	CodeSha256  string
	Description *string
	RevisionId  string

	PublishTo refused `why:"there are no capacity providers here; leave it out"`
}

// publishVersion does PublishVersion.
func (g *gateway) publishVersion(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	var in publishVersionInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	f.longest(in.Description, "description", 256)
	if err := f.err(); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	fn, err := g.updatable(ctx, ref, in.RevisionId)
	if err != nil {
		return nil, err
	}
	if digest, _ := codeOf(snapshotOf(fn, "")); in.CodeSha256 != "" && in.CodeSha256 != digest {
		return nil, invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). "+
			"Please try again with the CodeSHA256 in $LATEST.", in.CodeSha256, digest)
	}
	v, _, err := engine.PublishVersion(ctx, g.engine, fn, deref(in.Description))
	if err != nil {
		return nil, err
	}
	return g.describe(ctx, versionSnapshot(v, g.arn(ref.Name, number(v))))
}

// listVersionsOutput is ListVersionsByFunctionResponse.
type listVersionsOutput struct {
	Versions   []functionConfiguration
	NextMarker string `json:",omitempty"`
}

// listVersions does ListVersionsByFunction: $LATEST first, then the versions by number.
func (g *gateway) listVersions(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	page, err := c.page(10000)
	if err != nil {
		return nil, err
	}
	fn, err := g.function(c.r.Context(), lambda.Reference{Name: ref.Name})
	if err != nil {
		return nil, err
	}
	all, err := g.versionSnapshots(c.r.Context(), fn)
	if err != nil {
		return nil, err
	}
	shown, next := paginate(all, page, func(s snapshot) string { return s.version })
	configurations, err := g.configurations(c.r.Context(), shown)
	return listVersionsOutput{Versions: configurations, NextMarker: next}, err
}

// versionSnapshots gives $LATEST and all versions of a function with qualified ARNs.
func (g *gateway) versionSnapshots(ctx context.Context, fn *v1alpha1.Function) ([]snapshot, error) {
	versions, err := engine.Versions(ctx, g.engine, fn.LambdaName())
	if err != nil {
		return nil, err
	}
	all := []snapshot{snapshotOf(fn, g.arn(nameOf(fn), lambda.LatestVersion))}
	for i := range versions {
		all = append(all, versionSnapshot(&versions[i], g.arn(nameOf(fn), number(&versions[i]))))
	}
	return all, nil
}

// number is a version's number as the API writes it.
func number(v *v1alpha1.Version) string { return strconv.FormatInt(v.Spec.Version, 10) }
