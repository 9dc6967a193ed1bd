package gateway

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// maxTags is how many tags a function may have.
const maxTags = 50

// shownTagged is the constraint that AWS quotes for what can have tags.
const shownTagged = `arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:` +
	`(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|` +
	`event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)`

var taggedForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:[a-z]{2}[a-z0-9-]*-\d:\d{12}:(function:[a-zA-Z0-9-_]+(?::(?:\$LATEST|[a-zA-Z0-9-_]+))?|` +
	`layer:[a-zA-Z0-9-_]+|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|` +
	`capacity-provider:[a-zA-Z0-9-_]+)$`)

// tagged reads the function whose tags a request is about.
func (g *gateway) tagged(c *call) (lambda.Reference, error) {
	arn := c.label("Resource")
	m := taggedForm.FindStringSubmatch(arn)
	if m == nil {
		var f faults
		f.add(arn, "resource", "Member must satisfy regular expression pattern: %s", shownTagged)
		return lambda.Reference{}, f.err()
	}
	kind, id, _ := strings.Cut(m[1], ":")
	switch kind {
	case "function":
	case "event-source-mapping":
		return lambda.Reference{}, lambda.Errorf(lambda.CodeResourceNotFound, "Event source mapping not found: %s", arn)
	case "capacity-provider":
		return lambda.Reference{}, lambda.Errorf(lambda.CodeResourceNotFound, "Capacity provider not found: %s", arn)
	default:
		return lambda.Reference{}, invalid("Tags of a %s are not supported here: only functions have tags. Leave the tags of %q out.", kind, id)
	}
	ref, err := lambda.ParseReference(arn)
	if err != nil {
		return ref, err
	}
	if ref.Qualifier != "" {
		return ref, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return ref, g.reachable(ref)
}

// tagResourceInput is TagResourceRequest.
type tagResourceInput struct {
	Tags map[string]string
}

// tagResource does TagResource.
func (g *gateway) tagResource(c *call) (any, error) {
	ref, err := g.tagged(c)
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
	_, err = g.adjust(c.r.Context(), ref, func(fn *v1alpha1.Function) error {
		all := make(map[string]string, len(fn.Spec.Tags)+len(in.Tags))
		maps.Copy(all, fn.Spec.Tags)
		maps.Copy(all, in.Tags)
		fn.Spec.Tags = all
		return checkTags(all)
	})
	return nil, err
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
	ref, err := g.tagged(c)
	if err != nil {
		return nil, err
	}
	keys := c.queries()["tagKeys"]
	if len(keys) == 0 {
		var f faults
		f.missing("tagKeys")
		return nil, f.err()
	}
	_, err = g.adjust(c.r.Context(), ref, func(fn *v1alpha1.Function) error {
		maps.DeleteFunc(fn.Spec.Tags, func(key, _ string) bool { return slices.Contains(keys, key) })
		return nil
	})
	return nil, err
}

// listTagsOutput is ListTagsResponse.
type listTagsOutput struct {
	Tags map[string]string
}

// listTags does ListTags.
func (g *gateway) listTags(c *call) (any, error) {
	ref, err := g.tagged(c)
	if err != nil {
		return nil, err
	}
	fn, err := g.function(c.r.Context(), ref)
	if err != nil {
		return nil, err
	}
	tags := fn.Spec.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return listTagsOutput{Tags: tags}, nil
}
