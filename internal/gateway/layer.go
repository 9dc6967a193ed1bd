package gateway

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// shownLayerARN is the constraint that AWS quotes for the ARN of a layer version.
const shownLayerARN = `(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)` +
	`|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)`

var (
	layerVersionForm = regexp.MustCompile(`^arn:(?:aws[a-zA-Z-]*)?:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]{1,140}):(\d{1,18})$`)
	layerNameForm    = regexp.MustCompile(`^(?:arn:[a-zA-Z0-9-]+:lambda:([a-zA-Z0-9-]+):(\d{12}):layer:)?([a-zA-Z0-9-_]{1,140})$`)
)

// publishLayerVersionInput is PublishLayerVersionRequest.
type publishLayerVersionInput struct {
	Description             *string
	Content                 layerContentInput
	CompatibleRuntimes      []string
	LicenseInfo             *string
	CompatibleArchitectures []string
}

type layerContentInput struct {
	ZipFile taken

	s3Input
}

// layerVersionOutput is PublishLayerVersionResponse, GetLayerVersionResponse and, without Content and LayerArn,
// LayerVersionsListItem.
type layerVersionOutput struct {
	Content                 *layerContent `json:",omitempty"`
	LayerArn                string        `json:",omitempty"`
	LayerVersionArn         string
	Description             string
	CreatedDate             string
	Version                 int64
	CompatibleRuntimes      []string                `json:",omitempty"`
	LicenseInfo             string                  `json:",omitempty"`
	CompatibleArchitectures []v1alpha1.Architecture `json:",omitempty"`
}

type layerContent struct {
	Location   string
	CodeSha256 string
	CodeSize   int64
}

func (in *publishLayerVersionInput) check() error {
	var f faults
	f.longest(in.Description, "description", 256)
	f.longest(in.LicenseInfo, "licenseInfo", 512)
	if slices.ContainsFunc(in.CompatibleRuntimes, func(id string) bool { return !knownRuntime(id) }) {
		f.add(list(in.CompatibleRuntimes), "compatibleRuntimes", "Member must satisfy enum value set: %s", currentRuntimes)
	}
	if len(in.CompatibleRuntimes) > 15 {
		f.add(list(in.CompatibleRuntimes), "compatibleRuntimes", "Member must have length less than or equal to 15")
	}
	known := []string{string(v1alpha1.ArchitectureX86), string(v1alpha1.ArchitectureARM)}
	if slices.ContainsFunc(in.CompatibleArchitectures, func(a string) bool { return !slices.Contains(known, a) }) {
		f.add(list(in.CompatibleArchitectures), "compatibleArchitectures",
			"Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")
	}
	return f.err()
}

// publishLayerVersion does PublishLayerVersion.
func (g *gateway) publishLayerVersion(c *call) (any, error) {
	name, err := g.layerName(c)
	if err != nil {
		return nil, err
	}
	var in publishLayerVersionInput
	upload, err := g.decodeUpload(c, &in, "Content", "ZipFile")
	if err != nil {
		return nil, err
	}
	defer upload.Close()
	if err := in.check(); err != nil {
		return nil, err
	}
	if upload.present == in.Content.given() {
		return nil, invalid("Please provide the layer's archive either as Content.ZipFile, or as Content.S3Bucket and Content.S3Key.")
	}
	if err := in.Content.check("content."); err != nil {
		return nil, err
	}
	if err := g.fetchCode(c.r.Context(), &in.Content.s3Input, upload); err != nil {
		return nil, err
	}
	blob, err := g.store(c.r.Context(), upload)
	if err != nil {
		return nil, err
	}
	layer, err := engine.PublishLayerVersion(c.r.Context(), g.engine, v1alpha1.LayerVersionSpec{
		LayerName: name, Description: deref(in.Description), LicenseInfo: deref(in.LicenseInfo), Content: *blob,
		CompatibleRuntimes: in.CompatibleRuntimes, CompatibleArchitectures: architectures(in.CompatibleArchitectures),
	})
	if err != nil {
		return nil, err
	}
	return g.layerVersionOutput(c.r, layer), nil
}

// layerName reads the layer of a request's path: a name or an ARN of ours.
func (g *gateway) layerName(c *call) (string, error) {
	text := c.label("LayerName")
	m := layerNameForm.FindStringSubmatch(text)
	if m == nil {
		var f faults
		f.add(text, "layerName", "Member must satisfy regular expression pattern: "+
			`(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+`)
		return "", f.err()
	}
	return m[3], g.reachable(lambda.Reference{Region: m[1], Account: m[2]})
}

// layerVersionOf reads the layer version of a request's path. There may be none of that number.
func (g *gateway) layerVersionOf(c *call) (name string, version int64, err error) {
	name, err = g.layerName(c)
	if err != nil {
		return "", 0, err
	}
	version, err = strconv.ParseInt(c.label("VersionNumber"), 10, 64)
	if err != nil {
		return "", 0, invalid("The version number of a layer must be a number, not %q.", c.label("VersionNumber"))
	}
	if version < 1 {
		return "", 0, invalid("Layer Version Cannot be less than 1")
	}
	return name, version, nil
}

// layerVersion gets a layer version that was not deleted; nil if there is none.
func (g *gateway) layerVersion(ctx context.Context, name string, version int64) (*v1alpha1.LayerVersion, error) {
	layer := new(v1alpha1.LayerVersion)
	err := g.engine.Get(ctx, v1alpha1.LayerVersionObjectName(name, version), layer)
	if isNotFound(err) || err == nil && engine.Deleted(layer) {
		return nil, nil
	}
	return layer, err
}

// getLayerVersion does GetLayerVersion.
func (g *gateway) getLayerVersion(c *call) (any, error) {
	name, version, err := g.layerVersionOf(c)
	if err != nil {
		return nil, err
	}
	return g.showLayerVersion(c, name, version)
}

// getLayerVersionByArn does GetLayerVersionByArn.
func (g *gateway) getLayerVersionByArn(c *call) (any, error) {
	arn := c.query("Arn")
	m := layerVersionForm.FindStringSubmatch(arn)
	if m == nil {
		var f faults
		f.add(arn, "arn", "Member must satisfy regular expression pattern: %s", shownLayerARN)
		return nil, f.err()
	}
	if err := g.reachable(lambda.Reference{Region: m[1], Account: m[2]}); err != nil {
		return nil, err
	}
	version, err := strconv.ParseInt(m[4], 10, 64)
	if err != nil {
		return nil, invalid("Layer Version Cannot be less than 1")
	}
	return g.showLayerVersion(c, m[3], version)
}

func (g *gateway) showLayerVersion(c *call, name string, version int64) (any, error) {
	layer, err := g.layerVersion(c.r.Context(), name, version)
	if err != nil {
		return nil, err
	}
	if layer == nil {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "The resource you requested does not exist.")
	}
	return g.layerVersionOutput(c.r, layer), nil
}

// layerVersionOutput makes the API's form of a layer version.
func (g *gateway) layerVersionOutput(r *http.Request, l *v1alpha1.LayerVersion) layerVersionOutput {
	out := g.layerVersionItem(l)
	out.LayerArn = g.layerARN(l.Spec.LayerName, 0)
	out.Content = &layerContent{
		Location:   g.downloadURL(r, &l.Spec.Content),
		CodeSha256: base64Digest(l.Spec.Content.SHA256), CodeSize: l.Spec.Content.Size,
	}
	return out
}

// layerVersionItem makes the form of a layer version that lists have.
func (g *gateway) layerVersionItem(l *v1alpha1.LayerVersion) layerVersionOutput {
	return layerVersionOutput{
		LayerVersionArn: g.layerARN(l.Spec.LayerName, l.Spec.Version), Version: l.Spec.Version,
		Description: l.Spec.Description, LicenseInfo: l.Spec.LicenseInfo,
		CreatedDate:        l.CreationTimestamp.UTC().Format(textTime),
		CompatibleRuntimes: l.Spec.CompatibleRuntimes, CompatibleArchitectures: l.Spec.CompatibleArchitectures,
	}
}

// deleteLayerVersion does DeleteLayerVersion.
func (g *gateway) deleteLayerVersion(c *call) (any, error) {
	name, version, err := g.layerVersionOf(c)
	if err != nil {
		return nil, err
	}
	return nil, engine.DeleteLayerVersion(c.r.Context(), g.engine, name, version)
}

// listLayerVersionsOutput is ListLayerVersionsResponse.
type listLayerVersionsOutput struct {
	LayerVersions []layerVersionOutput
	NextMarker    string `json:",omitempty"`
}

// listLayerVersions does ListLayerVersions: the newest first.
func (g *gateway) listLayerVersions(c *call) (any, error) {
	name, err := g.layerName(c)
	if err != nil {
		return nil, err
	}
	all, page, err := g.matchingLayers(c, name)
	if err != nil {
		return nil, err
	}
	shown, next := paginate(all, page, func(l v1alpha1.LayerVersion) string { return l.Name })
	out := listLayerVersionsOutput{LayerVersions: make([]layerVersionOutput, 0, len(shown)), NextMarker: next}
	for i := range shown {
		out.LayerVersions = append(out.LayerVersions, g.layerVersionItem(&shown[i]))
	}
	return out, nil
}

// matchingLayers gives the layer versions that a list request is about, the newest first.
func (g *gateway) matchingLayers(c *call, name string) ([]v1alpha1.LayerVersion, page, error) {
	p, err := c.page(50)
	if err != nil {
		return nil, p, err
	}
	runtime, architecture := c.query("CompatibleRuntime"), c.query("CompatibleArchitecture")
	var f faults
	if runtime != "" && !knownRuntime(runtime) {
		f.add(runtime, "compatibleRuntime", "Member must satisfy enum value set: %s", allRuntimes)
	}
	f.oneOf(architecture, "compatibleArchitecture", string(v1alpha1.ArchitectureX86), string(v1alpha1.ArchitectureARM))
	if err := f.err(); err != nil {
		return nil, p, err
	}
	all, err := engine.LayerVersions(c.r.Context(), g.engine, name)
	if err != nil {
		return nil, p, err
	}
	slices.Reverse(all)
	return slices.DeleteFunc(all, func(l v1alpha1.LayerVersion) bool {
		return runtime != "" && !slices.Contains(l.Spec.CompatibleRuntimes, runtime) ||
			architecture != "" && !slices.Contains(l.Spec.CompatibleArchitectures, v1alpha1.Architecture(architecture))
	}), p, nil
}

// listLayersOutput is ListLayersResponse.
type listLayersOutput struct {
	Layers     []layerItem
	NextMarker string `json:",omitempty"`
}

type layerItem struct {
	LayerName             string
	LayerArn              string
	LatestMatchingVersion layerVersionOutput
}

// listLayers does ListLayers: by name, each with its newest version that matches.
func (g *gateway) listLayers(c *call) (any, error) {
	all, page, err := g.matchingLayers(c, "")
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b v1alpha1.LayerVersion) int { return strings.Compare(a.Spec.LayerName, b.Spec.LayerName) })
	all = slices.CompactFunc(all, func(a, b v1alpha1.LayerVersion) bool { return a.Spec.LayerName == b.Spec.LayerName })
	shown, next := paginate(all, page, func(l v1alpha1.LayerVersion) string { return l.Spec.LayerName })
	out := listLayersOutput{Layers: make([]layerItem, 0, len(shown)), NextMarker: next}
	for i := range shown {
		l := &shown[i]
		out.Layers = append(out.Layers, layerItem{LayerName: l.Spec.LayerName, LayerArn: g.layerARN(l.Spec.LayerName, 0), LatestMatchingVersion: g.layerVersionItem(l)})
	}
	return out, nil
}

// checkLayerForms notes layers that are no ARNs of layer versions.
func checkLayerForms(arns []string, f *faults) {
	for _, arn := range arns {
		if !layerVersionForm.MatchString(arn) {
			f.add(list(arns), "layers", "Member must satisfy constraint: [Member must have length less than or equal to 2048, "+
				"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: %s, Member must not be null]", shownLayerARN)
			return
		}
	}
}

// checkLayers fails unless a function may use these layers.
func (g *gateway) checkLayers(ctx context.Context, arns []string) error {
	if len(arns) > lambda.MaxLayers {
		return invalid("Cannot reference more than %d layers.", lambda.MaxLayers)
	}
	seen := make(map[string]string, len(arns))
	for _, arn := range arns {
		m := layerVersionForm.FindStringSubmatch(arn)
		if m == nil {
			return invalid("Layer version %s does not exist.", arn)
		}
		if m[1] != g.Identity.Region {
			return invalid("Layers are not in the same region as the function. Layers are expected to be in region %s.", g.Identity.Region)
		}
		if other, twice := seen[m[2]+m[3]]; twice {
			return invalid("Two different versions of the same layer are not allowed to be referenced in the same function. "+
				"%s and %s are versions of the same layer.", other, arn)
		}
		seen[m[2]+m[3]] = arn
		layer, err := g.layerOf(ctx, m)
		if err != nil {
			return err
		}
		if layer == nil || engine.Deleted(layer) {
			return invalid("Layer version %s does not exist.", arn)
		}
	}
	return nil
}

// layerOf gets the layer version that the parts of an ARN name, deleted or not; nil if there is none here.
func (g *gateway) layerOf(ctx context.Context, parts []string) (*v1alpha1.LayerVersion, error) {
	version, err := strconv.ParseInt(parts[4], 10, 64)
	if err != nil {
		return nil, invalid("The version number of a layer must be a number, not %q.", parts[4])
	}
	if parts[2] != g.Identity.Account {
		return nil, nil
	}
	layer := new(v1alpha1.LayerVersion)
	err = g.engine.Get(ctx, v1alpha1.LayerVersionObjectName(parts[3], version), layer)
	if isNotFound(err) {
		return nil, nil
	}
	return layer, err
}

// layerSizes looks up how large the layers of a function are. One that is not there any more has no size.
func (g *gateway) layerSizes(ctx context.Context, arns []string) (map[string]int64, error) {
	sizes := make(map[string]int64, len(arns))
	for _, arn := range arns {
		m := layerVersionForm.FindStringSubmatch(arn)
		if m == nil {
			continue
		}
		layer, err := g.layerOf(ctx, m)
		if err != nil {
			return nil, err
		}
		if layer != nil {
			sizes[arn] = layer.Spec.Content.Size
		}
	}
	return sizes, nil
}
