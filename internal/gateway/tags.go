package gateway

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// maxTags is how many tags a function or another resource may have.
const maxTags = 50

// shownTagged is the constraint that AWS quotes for what can have tags.
const shownTagged = `arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:` +
	`(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|` +
	`event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)`

var taggedForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:[a-z]{2}[a-z0-9-]*-\d:\d{12}:(function:[a-zA-Z0-9-_]+(?::(?:\$LATEST|[a-zA-Z0-9-_]+))?|` +
	`layer:[a-zA-Z0-9-_]+|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|` +
	`capacity-provider:[a-zA-Z0-9-_]+)$`)

// taggable is what a request for tags is about.
type taggable interface {
	// tags gives the tags; an error if the thing is not there.
	tags(ctx context.Context) (map[string]string, error)
	// retag makes the tags what change makes of a copy of them.
	retag(ctx context.Context, change func(map[string]string) (map[string]string, error)) error
}

// tagged reads what the tags of a request are of.
func (g *gateway) tagged(c *call) (taggable, error) {
	arn := c.label("Resource")
	m := taggedForm.FindStringSubmatch(arn)
	if m == nil {
		var f faults
		f.add(arn, "resource", "Member must satisfy regular expression pattern: %s", shownTagged)
		return nil, f.err()
	}
	kind, id, _ := strings.Cut(m[1], ":")
	switch kind {
	case "event-source-mapping":
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "Event source mapping not found: %s", arn)
	case "capacity-provider":
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "Capacity provider not found: %s", arn)
	case "code-signing-config":
		if _, err := g.codeSigningID(arn); err != nil {
			return nil, err
		}
		return taggedCodeSigning{g, id}, nil
	case "layer":
		parts := strings.Split(arn, ":") // arn:partition:lambda:region:account:layer:name
		if err := g.reachable(lambda.Reference{Region: parts[3], Account: parts[4]}); err != nil {
			return nil, err
		}
		return taggedLayer{g, id}, nil
	default:
		return g.taggedFunction(arn)
	}
}

func (g *gateway) taggedFunction(arn string) (taggable, error) {
	ref, err := lambda.ParseReference(arn)
	if err != nil {
		return nil, err
	}
	if ref.Qualifier != "" {
		return nil, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return taggedFunction{g, ref}, g.reachable(ref)
}

// taggedFunction is a function, whose tags are in its spec.
type taggedFunction struct {
	*gateway

	ref lambda.Reference
}

func (t taggedFunction) tags(ctx context.Context) (map[string]string, error) {
	fn, err := t.function(ctx, t.ref)
	if err != nil {
		return nil, err
	}
	return fn.Spec.Tags, nil
}

func (t taggedFunction) retag(ctx context.Context, change func(map[string]string) (map[string]string, error)) error {
	return t.adjust(ctx, t.ref, func(fn *v1alpha1.Function) error {
		all, err := change(maps.Clone(fn.Spec.Tags))
		fn.Spec.Tags = all
		return err
	})
}

// taggedCodeSigning is a code signing config, whose tags are in its spec.
type taggedCodeSigning struct {
	*gateway

	id string
}

func (t taggedCodeSigning) get(ctx context.Context) (*v1alpha1.CodeSigningConfig, error) {
	config := new(v1alpha1.CodeSigningConfig)
	err := t.engine.Get(ctx, t.id, config)
	if isNotFound(err) {
		return nil, noCodeSigning(t.codeSigningARN(t.id))
	}
	return config, err
}

func (t taggedCodeSigning) tags(ctx context.Context) (map[string]string, error) {
	config, err := t.get(ctx)
	if err != nil {
		return nil, err
	}
	return config.Spec.Tags, nil
}

func (t taggedCodeSigning) retag(ctx context.Context, change func(map[string]string) (map[string]string, error)) error {
	for range maxRaces {
		config, err := t.get(ctx)
		if err != nil {
			return err
		}
		if config.Spec.Tags, err = change(maps.Clone(config.Spec.Tags)); err != nil {
			return err
		}
		if err := t.engine.Update(ctx, config); !isStale(err) {
			return err
		}
	}
	return lambda.Errorf(lambda.CodeResourceConflict, "The tags are being changed by others. Try again.")
}

// taggedLayer is a layer. It has no object of its own: every version of it has its tags.
type taggedLayer struct {
	*gateway

	name string
}

func (t taggedLayer) tags(ctx context.Context) (map[string]string, error) {
	versions, err := engine.LayerVersions(ctx, t.engine, t.name)
	if err == nil && len(versions) == 0 {
		err = lambda.Errorf(lambda.CodeResourceNotFound, "Layer not found: %s", t.layerARN(t.name, 0))
	}
	if err != nil {
		return nil, err
	}
	return engine.LayerTags(&versions[len(versions)-1]), nil
}

func (t taggedLayer) retag(ctx context.Context, change func(map[string]string) (map[string]string, error)) error {
	was, err := t.tags(ctx)
	if err != nil {
		return err
	}
	all, err := change(was)
	if err != nil {
		return err
	}
	return engine.TagLayer(ctx, t.engine, t.name, all)
}

// tagResourceInput is TagResourceRequest.
type tagResourceInput struct {
	Tags map[string]string
}

// tagResource does TagResource.
func (g *gateway) tagResource(c *call) (any, error) {
	target, err := g.tagged(c)
	if err != nil {
		return nil, err
	}
	var in tagResourceInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Tags == nil {
		var f faults
		f.missing("tags")
		return nil, f.err()
	}
	if len(in.Tags) == 0 {
		return nil, invalid("An error occurred and the request cannot be processed.")
	}
	return nil, target.retag(c.r.Context(), func(all map[string]string) (map[string]string, error) {
		if all == nil {
			all = make(map[string]string, len(in.Tags))
		}
		maps.Copy(all, in.Tags)
		return all, checkTags(all)
	})
}

// checkTags refuses tags that AWS would not take.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Number of tags exceeds resource tag limit.")
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if key == "" || utf8.RuneCountInString(key) > 128 || utf8.RuneCountInString(tags[key]) > 256 || strings.HasPrefix(key, "aws:") {
			return invalid("The tag key %q or its value is not allowed: keys have 1 to 128 characters and do not begin with aws:, values have at most 256.", key)
		}
	}
	return nil
}

// untagResource does UntagResource.
func (g *gateway) untagResource(c *call) (any, error) {
	target, err := g.tagged(c)
	if err != nil {
		return nil, err
	}
	keys := c.queries()["tagKeys"]
	if len(keys) == 0 {
		var f faults
		f.missing("tagKeys")
		return nil, f.err()
	}
	return nil, target.retag(c.r.Context(), func(all map[string]string) (map[string]string, error) {
		maps.DeleteFunc(all, func(key, _ string) bool { return slices.Contains(keys, key) })
		return all, nil
	})
}

// listTagsOutput is ListTagsResponse.
type listTagsOutput struct {
	Tags map[string]string
}

// listTags does ListTags.
func (g *gateway) listTags(c *call) (any, error) {
	target, err := g.tagged(c)
	if err != nil {
		return nil, err
	}
	tags, err := target.tags(c.r.Context())
	if err != nil {
		return nil, err
	}
	if tags == nil {
		tags = map[string]string{}
	}
	return listTagsOutput{Tags: tags}, nil
}
