package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// reference reads which function a request names, and checks that it is one of ours.
func (g *gateway) reference(c *call) (lambda.Reference, error) {
	name := mux.Vars(c.r)["FunctionName"]
	if narrow(c.op.name) {
		if err := checkNarrow(name); err != nil {
			return lambda.Reference{}, err
		}
	}
	ref, err := awshttp.ParseTarget(name, c.r)
	if err != nil {
		return ref, err
	}
	return ref, g.reachable(ref)
}

// narrow says whether the model takes only the narrower form of FunctionName in the path of an operation: that of
// operations which make and change things.
func narrow(operation string) bool {
	switch operation {
	case "CreateAlias", "CreateFunctionUrlConfig", "DeleteAlias", "DeleteFunctionConcurrency", "DeleteFunctionUrlConfig",
		"DeleteProvisionedConcurrencyConfig", "GetAlias", "GetFunctionConcurrency", "GetFunctionRecursionConfig",
		"GetFunctionUrlConfig", "GetProvisionedConcurrencyConfig", "ListAliases", "ListFunctionUrlConfigs",
		"ListProvisionedConcurrencyConfigs", "PublishVersion", "PutFunctionConcurrency", "PutFunctionRecursionConfig",
		"PutProvisionedConcurrencyConfig", "UpdateAlias", "UpdateFunctionCode", "UpdateFunctionConfiguration",
		"UpdateFunctionUrlConfig":
		return true
	default:
		return false
	}
}

// checkNarrow checks a FunctionName as it stands in a path.
func checkNarrow(segment string) error {
	name, err := url.PathUnescape(segment)
	if err != nil {
		name = segment // the parser says what is wrong with it
	}
	_, err = lambda.ParseFunctionName(name)
	return err
}

// unqualified is reference for operations on functions alone.
func (g *gateway) unqualified(c *call) (lambda.Reference, error) {
	ref, err := g.reference(c)
	if err == nil && ref.Qualifier != "" && ref.Qualifier != lambda.LatestVersion {
		err = lambda.Errorf(lambda.CodeInvalidParameterValue, "This operation is permitted on Lambda functions only. "+
			"Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	ref.Qualifier = ""
	return ref, err
}

// reachable refuses functions of another region or account.
func (g *gateway) reachable(ref lambda.Reference) error {
	if ref.Region != "" && ref.Region != g.Identity.Region {
		return lambda.Errorf(lambda.CodeResourceNotFound, "Functions from '%s' are not reachable in this region ('%s')", ref.Region, g.Identity.Region)
	}
	if ref.Account != "" && ref.Account != g.Identity.Account {
		return lambda.Errorf(lambda.CodeAccessDenied, "Account %s is not reachable here: this is account %s.", ref.Account, g.Identity.Account)
	}
	return nil
}

// arn is the ARN of a function, with a qualifier unless that is empty.
func (g *gateway) arn(name lambda.Name, qualifier string) string {
	return lambda.Reference{Name: name, Qualifier: qualifier}.ARN(g.Identity)
}

// layerARN is the ARN of a layer; with a version above 0 that of the version.
func (g *gateway) layerARN(name string, version int64) string {
	arn := fmt.Sprintf("arn:aws:lambda:%s:%s:layer:%s", g.Identity.Region, g.Identity.Account, name)
	if version > 0 {
		arn += fmt.Sprintf(":%d", version)
	}
	return arn
}

// functionNotFound is AWS's sentence for a function, version or alias that is not there.
func (g *gateway) functionNotFound(name lambda.Name, qualifier string) error {
	return lambda.Errorf(lambda.CodeResourceNotFound, "Function not found: %s", g.arn(name, qualifier))
}

// revision is the RevisionId of an object: it changes whenever the object does.
func revision(m metav1.Object) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("revision/"+string(m.GetUID())+"/"+m.GetResourceVersion())).String()
}

// snapshotRevision is the RevisionId of a function's $LATEST or a version. It is made from what the API shows of it, so that it
// changes with code, configuration and state; not with tags, concurrency or what happens to events, as on AWS, and not when an
// engine notes something of its own.
func snapshotRevision(s snapshot) string {
	spec := *s.spec
	spec.Tags, spec.Async, spec.Concurrency, spec.RecursiveLoop, spec.CodeSigningConfig = nil, nil, nil, "", ""
	seen, err := json.Marshal(struct {
		UID   string
		Spec  v1alpha1.FunctionSpec
		State functionState
	}{string(s.meta.UID), spec, stateOf(s)})
	if err != nil {
		return revision(s.meta) // objects always have a JSON form
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, seen).String()
}

// aliasRevision is the RevisionId of an alias: it changes with what the alias says.
func aliasRevision(m *metav1.ObjectMeta) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "alias/%s/%d", m.UID, m.Generation)).String()
}

// sameRevision fails if a caller names a revision that is not the current one.
func sameRevision(given, current string) error {
	if given == "" || given == current {
		return nil
	}
	return lambda.Errorf(lambda.CodePreconditionFailed, "The Revision Id provided does not match the latest Revision Id. "+
		"Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
}

// base is where the caller of r reaches the gateway.
func (g *gateway) base(r *http.Request) string {
	if g.BaseURL != "" {
		return g.BaseURL
	}
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host + g.BasePath
}

// isNotFound reports whether an engine says that an object is not there.
func isNotFound(err error) bool { return lambda.CodeOf(err) == lambda.CodeResourceNotFound }

// isConflict reports whether an engine says that an object exists already.
func isConflict(err error) bool { return lambda.CodeOf(err) == lambda.CodeResourceConflict }
