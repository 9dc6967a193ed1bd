package gateway

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// urlPoll is how often a new function URL is looked at for its address.
const urlPoll = 100 * time.Millisecond

// annotationModified is when an object such as a function URL last changed, where it has no member for that.
const annotationModified = v1alpha1.Group + "/last-modified"

var urlQualifierForm = regexp.MustCompile(`^[0-9a-zA-Z-_]*[a-zA-Z-_][0-9a-zA-Z-_]*$`)

// urlInput is CreateFunctionUrlConfigRequest and UpdateFunctionUrlConfigRequest.
type urlInput struct {
	AuthType   *string
	Cors       *cors
	InvokeMode *string
}

// cors is Cors of the API's model.
type cors struct {
	AllowCredentials bool     `json:",omitempty"`
	AllowHeaders     []string `json:",omitempty"`
	AllowMethods     []string `json:",omitempty"`
	AllowOrigins     []string `json:",omitempty"`
	ExposeHeaders    []string `json:",omitempty"`
	MaxAge           *int32   `json:",omitempty"`
}

// urlConfig is FunctionUrlConfig of the API's model.
type urlConfig struct {
	FunctionUrl      string
	FunctionArn      string
	CreationTime     string
	LastModifiedTime string `json:",omitempty"`
	Cors             *cors  `json:",omitempty"`
	AuthType         string
	InvokeMode       string
}

func (in *urlInput) check(f *faults) {
	f.oneOf(deref(in.AuthType), "authType", "NONE", "AWS_IAM")
	f.oneOf(deref(in.InvokeMode), "invokeMode", "RESPONSE_STREAM", "BUFFERED")
	if in.Cors != nil {
		f.within(in.Cors.MaxAge, "cors.maxAge", 0, 86400)
	}
}

// refuseAuth fails on a URL for signed requests where nobody verifies signatures: it would protect nothing.
func (g *gateway) refuseAuth(in *urlInput) error {
	if deref(in.AuthType) == string(v1alpha1.AuthTypeIAM) && g.Authenticator == nil {
		return invalid("AuthType AWS_IAM is not supported here: signatures are not verified. " +
			"Set AuthType to NONE, and put a proxy that checks who calls in front.")
	}
	return nil
}

func (in *urlInput) apply(spec *v1alpha1.FunctionURLConfigSpec) {
	if in.AuthType != nil {
		spec.AuthType = v1alpha1.AuthType(*in.AuthType)
	}
	if in.InvokeMode != nil {
		spec.InvokeMode = v1alpha1.InvokeMode(*in.InvokeMode)
	}
	if c := in.Cors; c != nil {
		spec.CORS = &v1alpha1.CORS{
			AllowCredentials: c.AllowCredentials, AllowHeaders: c.AllowHeaders, AllowMethods: c.AllowMethods,
			AllowOrigins: c.AllowOrigins, ExposeHeaders: c.ExposeHeaders,
		}
		set(&spec.CORS.MaxAge, c.MaxAge)
	}
}

// urlTarget reads the function or alias whose URL a request is about.
func (g *gateway) urlTarget(c *call) (lambda.Reference, error) {
	if q := c.query("Qualifier"); q != "" {
		var f faults
		f.pattern(&q, "qualifier", urlQualifierForm, `((?!^\d+$)^[0-9a-zA-Z-_]+$)`)
		if err := f.err(); err != nil {
			return lambda.Reference{}, err
		}
	}
	ref, err := g.reference(c)
	if err == nil && ref.Qualifier != "" && isVersion(ref.Qualifier) {
		err = invalid("A function URL is for the function or for an alias, not for version %s.", ref.Qualifier)
	}
	return ref, err
}

// createURLConfig does CreateFunctionUrlConfig.
func (g *gateway) createURLConfig(c *call) (any, error) {
	ref, err := g.urlTarget(c)
	if err != nil {
		return nil, err
	}
	var in urlInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	if in.AuthType == nil {
		f.missing("authType")
	}
	in.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := g.refuseAuth(&in); err != nil {
		return nil, err
	}
	if _, err := g.resolve(c.r.Context(), ref); err != nil {
		return nil, urlFunctionError(err)
	}
	u := &v1alpha1.FunctionURLConfig{Spec: v1alpha1.FunctionURLConfigSpec{FunctionName: string(ref.Name), Qualifier: ref.Qualifier}}
	in.apply(&u.Spec)
	u.Default()
	g.touch(u)
	err = g.engine.Create(c.r.Context(), u)
	if isConflict(err) {
		return nil, lambda.Errorf(lambda.CodeResourceConflict, "Failed to create function url config for [functionArn = %s]. "+
			"Error message:  FunctionUrlConfig exists for this Lambda function", g.arn(ref.Name, ref.Qualifier))
	}
	if err != nil {
		return nil, err
	}
	out := g.urlConfig(c, g.addressed(c.r.Context(), u))
	out.LastModifiedTime = "" // the reply to the creation has none
	return out, nil
}

// addressed is a new function URL with the address that the engine gives it, if it gives one and does so in time: tools keep
// the one that the reply tells.
func (g *gateway) addressed(ctx context.Context, u *v1alpha1.FunctionURLConfig) *v1alpha1.FunctionURLConfig {
	ctx, cancel := context.WithTimeout(ctx, g.AwaitURL)
	defer cancel()
	for u.Status.URL == "" && !u.Status.Decided(u.Generation) {
		select {
		case <-ctx.Done():
			return u
		case <-time.After(urlPoll):
		}
		seen := new(v1alpha1.FunctionURLConfig)
		if err := g.engine.Get(ctx, u.Name, seen); err != nil {
			return u // it is made, whatever becomes of it
		}
		u = seen
	}
	return u
}

// urlFunctionError is AWS's sentence about a missing function in the operations on URLs.
func urlFunctionError(err error) error {
	if isNotFound(err) {
		return lambda.Errorf(lambda.CodeResourceNotFound, "Function does not exist")
	}
	return err
}

// touch notes that a URL changes now.
func (g *gateway) touch(u *v1alpha1.FunctionURLConfig) {
	if u.Annotations == nil {
		u.Annotations = make(map[string]string, 1)
	}
	u.Annotations[annotationModified] = g.Clock().UTC().Format(time.RFC3339Nano)
}

// urlConfigOf gets the URL that a request is about.
func (g *gateway) urlConfigOf(c *call) (*v1alpha1.FunctionURLConfig, error) {
	ref, err := g.urlTarget(c)
	if err != nil {
		return nil, err
	}
	u := new(v1alpha1.FunctionURLConfig)
	err = g.engine.Get(c.r.Context(), v1alpha1.FunctionURLObjectName(string(ref.Name), ref.Qualifier), u)
	if isNotFound(err) {
		return nil, lambda.Errorf(lambda.CodeResourceNotFound, "The resource you requested does not exist.")
	}
	return u, err
}

// getURLConfig does GetFunctionUrlConfig.
func (g *gateway) getURLConfig(c *call) (any, error) {
	u, err := g.urlConfigOf(c)
	if err != nil {
		return nil, err
	}
	return g.urlConfig(c, u), nil
}

// updateURLConfig does UpdateFunctionUrlConfig.
func (g *gateway) updateURLConfig(c *call) (any, error) {
	var in urlInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var f faults
	in.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := g.refuseAuth(&in); err != nil {
		return nil, err
	}
	for range maxRaces {
		u, err := g.urlConfigOf(c)
		if err != nil {
			return nil, err
		}
		in.apply(&u.Spec)
		g.touch(u)
		err = g.engine.Update(c.r.Context(), u)
		if err == nil {
			return g.urlConfig(c, u), nil
		}
		if !isStale(err) {
			return nil, err
		}
	}
	return nil, lambda.Errorf(lambda.CodeResourceConflict, "The function URL is being changed by others. Try again.")
}

// deleteURLConfig does DeleteFunctionUrlConfig.
func (g *gateway) deleteURLConfig(c *call) (any, error) {
	u, err := g.urlConfigOf(c)
	if err != nil {
		return nil, err
	}
	return nil, g.remove(c.r.Context(), u)
}

// listURLsOutput is ListFunctionUrlConfigsResponse.
type listURLsOutput struct {
	FunctionUrlConfigs []urlConfig
	NextMarker         string `json:",omitempty"`
}

// listURLConfigs does ListFunctionUrlConfigs.
func (g *gateway) listURLConfigs(c *call) (any, error) {
	ref, err := g.reference(c)
	if err != nil {
		return nil, err
	}
	page, err := c.page(50)
	if err != nil {
		return nil, err
	}
	if _, err := g.function(c.r.Context(), ref); err != nil {
		return nil, urlFunctionError(err)
	}
	all, err := g.urlConfigs(c.r.Context(), ref.Name)
	if err != nil {
		return nil, err
	}
	shown, next := paginate(all, page, func(u v1alpha1.FunctionURLConfig) string { return u.Name })
	out := listURLsOutput{FunctionUrlConfigs: make([]urlConfig, 0, len(shown)), NextMarker: next}
	for i := range shown {
		out.FunctionUrlConfigs = append(out.FunctionUrlConfigs, g.urlConfig(c, &shown[i]))
	}
	return out, nil
}

// urlConfigs gives the URLs of a function, by qualifier.
func (g *gateway) urlConfigs(ctx context.Context, name lambda.Name) ([]v1alpha1.FunctionURLConfig, error) {
	labels := map[string]string{v1alpha1.LabelFunction: v1alpha1.ObjectName(string(name))}
	var found v1alpha1.FunctionURLConfigList
	if err := g.engine.List(ctx, &found, labels); err != nil {
		return nil, err
	}
	slices.SortFunc(found.Items, func(a, b v1alpha1.FunctionURLConfig) int { return strings.Compare(a.Spec.Qualifier, b.Spec.Qualifier) })
	return found.Items, nil
}

// urlConfig makes the API's form of a function URL.
func (g *gateway) urlConfig(c *call, u *v1alpha1.FunctionURLConfig) urlConfig {
	out := urlConfig{
		FunctionUrl: g.address(c.r, u), FunctionArn: g.arn(lambda.Name(u.Spec.FunctionName), u.Spec.Qualifier),
		AuthType: string(u.Spec.AuthType), InvokeMode: string(u.Spec.InvokeMode),
		CreationTime:     u.CreationTimestamp.UTC().Format(urlTime),
		LastModifiedTime: u.CreationTimestamp.UTC().Format(urlTime),
	}
	if t, err := time.Parse(time.RFC3339Nano, u.Annotations[annotationModified]); err == nil {
		out.LastModifiedTime = t.UTC().Format(urlTime)
	}
	if p := u.Spec.CORS; p != nil {
		out.Cors = &cors{
			AllowCredentials: p.AllowCredentials, AllowHeaders: p.AllowHeaders, AllowMethods: p.AllowMethods,
			AllowOrigins: p.AllowOrigins, ExposeHeaders: p.ExposeHeaders,
		}
		if p.MaxAge != 0 {
			out.Cors.MaxAge = &p.MaxAge
		}
	}
	return out
}

// urlTime is the form of times in function URLs, which differs from that of functions.
const urlTime = "2006-01-02T15:04:05.000000Z"
