package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Constraints that AWS quotes.
const (
	shownCodeSigning = `arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:code-signing-config:csc-[a-z0-9]{17}`
	shownPublisher   = `arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`
)

var (
	codeSigningForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:lambda:([a-z]{2}[a-z0-9-]*-\d):(\d{12}):code-signing-config:(csc-[a-z0-9]{17})$`)
	publisherForm   = regexp.MustCompile(`^arn:aws[a-zA-Z0-9-]*:[a-zA-Z0-9-]+:([a-z]{2}(-gov)?-[a-z]+-\d)?:(\d{12})?:.*$`)
)

// codeSigningInput is UpdateCodeSigningConfigRequest; the ARN is in the path.
type codeSigningInput struct {
	Description         *string
	AllowedPublishers   *allowedPublishers
	CodeSigningPolicies *codeSigningPolicies
}

// createCodeSigningInput is CreateCodeSigningConfigRequest.
type createCodeSigningInput struct {
	codeSigningInput

	Tags map[string]string
}

// Members of the model that requests and replies share.
type (
	allowedPublishers   struct{ SigningProfileVersionArns []string }
	codeSigningPolicies struct{ UntrustedArtifactOnDeployment string }
)

// codeSigningConfig is CodeSigningConfig of the API's model.
type codeSigningConfig struct {
	CodeSigningConfigId  string
	CodeSigningConfigArn string
	Description          string
	AllowedPublishers    allowedPublishers
	CodeSigningPolicies  codeSigningPolicies
	LastModified         string
}

// codeSigningOutput is the reply of the operations on one config.
type codeSigningOutput struct {
	CodeSigningConfig codeSigningConfig
}

func (in *codeSigningInput) check(f *faults) {
	f.longest(in.Description, "description", 256)
	if p := in.CodeSigningPolicies; p != nil {
		f.oneOf(p.UntrustedArtifactOnDeployment, "codeSigningPolicies.untrustedArtifactOnDeployment", "Warn", "Enforce")
	}
	if in.AllowedPublishers == nil {
		return
	}
	const member = "allowedPublishers.signingProfileVersionArns"
	arns := in.AllowedPublishers.SigningProfileVersionArns
	switch {
	case arns == nil:
		f.missing(member)
	case len(arns) < 1:
		f.add(list(arns), member, "Member must have length greater than or equal to 1")
	case len(arns) > 20:
		f.add(list(arns), member, "Member must have length less than or equal to 20")
	}
	for _, arn := range arns {
		if !publisherForm.MatchString(arn) {
			f.add(list(arns), member, "Member must satisfy constraint: [Member must satisfy regular expression pattern: %s, Member must not be null]", shownPublisher)
			return
		}
	}
}

func (in *codeSigningInput) apply(spec *v1alpha1.CodeSigningConfigSpec) {
	set(&spec.Description, in.Description)
	if in.AllowedPublishers != nil {
		spec.AllowedPublishers.SigningProfileVersionARNs = in.AllowedPublishers.SigningProfileVersionArns
	}
	if p := in.CodeSigningPolicies; p != nil && p.UntrustedArtifactOnDeployment != "" {
		spec.UntrustedArtifactOnDeployment = v1alpha1.CodeSigningPolicy(p.UntrustedArtifactOnDeployment)
	}
}

// createCodeSigning does CreateCodeSigningConfig.
func (g *gateway) createCodeSigning(c *call) (any, error) {
	var in createCodeSigningInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	if in.AllowedPublishers == nil {
		f.missing("allowedPublishers")
	}
	in.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	config := new(v1alpha1.CodeSigningConfig)
	config.Name = newCodeSigningID()
	config.Spec.Tags = in.Tags
	in.apply(&config.Spec)
	config.Default()
	annotate(config, annotationModified, g.Clock())
	if err := g.engine.Create(c.r.Context(), config); err != nil {
		return nil, err
	}
	return codeSigningOutput{CodeSigningConfig: g.codeSigningConfig(config)}, nil
}

// newCodeSigningID is an id that no config has.
func newCodeSigningID() string { return "csc-" + strings.ToLower(rand.Text())[:17] }

func (g *gateway) codeSigningARN(id string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:code-signing-config:%s", g.Identity.Region, g.Identity.Account, id)
}

// codeSigningConfig makes the API's form of a config.
func (g *gateway) codeSigningConfig(c *v1alpha1.CodeSigningConfig) codeSigningConfig {
	return codeSigningConfig{
		CodeSigningConfigId: c.Name, CodeSigningConfigArn: g.codeSigningARN(c.Name), Description: c.Spec.Description,
		AllowedPublishers:   allowedPublishers{SigningProfileVersionArns: c.Spec.AllowedPublishers.SigningProfileVersionARNs},
		CodeSigningPolicies: codeSigningPolicies{UntrustedArtifactOnDeployment: string(c.Spec.UntrustedArtifactOnDeployment)},
		LastModified:        annotated(c, annotationModified).UTC().Format(textTime),
	}
}

// codeSigningID reads the id of an ARN. One of another account or region names nothing here.
func (g *gateway) codeSigningID(arn string) (string, error) {
	m := codeSigningForm.FindStringSubmatch(arn)
	if m == nil {
		var f faults
		f.add(arn, "codeSigningConfigArn", "Member must satisfy regular expression pattern: %s", shownCodeSigning)
		return "", f.err()
	}
	if m[1] != g.Identity.Region || m[2] != g.Identity.Account {
		return "", noCodeSigning(arn)
	}
	return m[3], nil
}

func noCodeSigning(arn string) error {
	e := lambda.Errorf(lambda.CodeResourceNotFound, "The Lambda code signing configuration %s can not be found.", arn)
	e.Untyped = true // as on AWS
	return e
}

// codeSigningOf gets the config of a request's path.
func (g *gateway) codeSigningOf(c *call) (*v1alpha1.CodeSigningConfig, error) {
	arn := c.label("CodeSigningConfigArn")
	id, err := g.codeSigningID(arn)
	if err != nil {
		return nil, err
	}
	config := new(v1alpha1.CodeSigningConfig)
	err = g.engine.Get(c.r.Context(), id, config)
	if isNotFound(err) {
		return nil, noCodeSigning(arn)
	}
	return config, err
}

// getCodeSigning does GetCodeSigningConfig.
func (g *gateway) getCodeSigning(c *call) (any, error) {
	config, err := g.codeSigningOf(c)
	if err != nil {
		return nil, err
	}
	return codeSigningOutput{CodeSigningConfig: g.codeSigningConfig(config)}, nil
}

// updateCodeSigning does UpdateCodeSigningConfig: what is left out stays.
func (g *gateway) updateCodeSigning(c *call) (any, error) {
	var in codeSigningInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	in.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	config, err := g.changeCodeSigning(c, func(config *v1alpha1.CodeSigningConfig) { in.apply(&config.Spec) })
	if err != nil {
		return nil, err
	}
	return codeSigningOutput{CodeSigningConfig: g.codeSigningConfig(config)}, nil
}

func (g *gateway) changeCodeSigning(c *call, change func(*v1alpha1.CodeSigningConfig)) (*v1alpha1.CodeSigningConfig, error) {
	for range maxRaces {
		config, err := g.codeSigningOf(c)
		if err != nil {
			return nil, err
		}
		change(config)
		annotate(config, annotationModified, g.Clock())
		if err := g.engine.Update(c.r.Context(), config); !isStale(err) {
			return config, err
		}
	}
	return nil, lambda.Errorf(lambda.CodeResourceConflict, "The code signing configuration is being changed by others. Try again.")
}

// deleteCodeSigning does DeleteCodeSigningConfig. One that functions use stays, as on AWS.
func (g *gateway) deleteCodeSigning(c *call) (any, error) {
	config, err := g.codeSigningOf(c)
	if err != nil {
		return nil, err
	}
	users, err := g.signedFunctions(c.r.Context(), config.Name)
	if err != nil {
		return nil, err
	}
	if len(users) > 0 {
		return nil, lambda.Errorf(lambda.CodeResourceConflict, "The code signing configuration %s is in use by %d function(s), such as %s. Detach it from them first.",
			g.codeSigningARN(config.Name), len(users), users[0])
	}
	return nil, g.remove(c.r.Context(), config)
}

// signedFunctions are the ARNs of the functions that use a config, by name.
func (g *gateway) signedFunctions(ctx context.Context, id string) ([]string, error) {
	var functions v1alpha1.FunctionList
	if err := g.engine.List(ctx, &functions, nil); err != nil {
		return nil, err
	}
	arns := []string{}
	for i := range functions.Items {
		if fn := &functions.Items[i]; fn.Spec.CodeSigningConfig == id {
			arns = append(arns, g.arn(nameOf(fn), ""))
		}
	}
	return arns, nil
}

// listCodeSigningOutput is ListCodeSigningConfigsResponse.
type listCodeSigningOutput struct {
	CodeSigningConfigs []codeSigningConfig
	NextMarker         string `json:",omitempty"`
}

// listCodeSigning does ListCodeSigningConfigs.
func (g *gateway) listCodeSigning(c *call) (any, error) {
	page, err := c.page(10000)
	if err != nil {
		return nil, err
	}
	var configs v1alpha1.CodeSigningConfigList
	if err := g.engine.List(c.r.Context(), &configs, nil); err != nil {
		return nil, err
	}
	shown, next := paginate(configs.Items, page, func(c v1alpha1.CodeSigningConfig) string { return c.Name })
	out := listCodeSigningOutput{CodeSigningConfigs: make([]codeSigningConfig, 0, len(shown)), NextMarker: next}
	for i := range shown {
		out.CodeSigningConfigs = append(out.CodeSigningConfigs, g.codeSigningConfig(&shown[i]))
	}
	return out, nil
}

// listSignedOutput is ListFunctionsByCodeSigningConfigResponse.
type listSignedOutput struct {
	FunctionArns []string
	NextMarker   string `json:",omitempty"`
}

// listSigned does ListFunctionsByCodeSigningConfig.
func (g *gateway) listSigned(c *call) (any, error) {
	page, err := c.page(10000)
	if err != nil {
		return nil, err
	}
	config, err := g.codeSigningOf(c)
	if err != nil {
		return nil, err
	}
	arns, err := g.signedFunctions(c.r.Context(), config.Name)
	if err != nil {
		return nil, err
	}
	shown, next := paginate(arns, page, func(arn string) string { return arn })
	return listSignedOutput{FunctionArns: shown, NextMarker: next}, nil
}
