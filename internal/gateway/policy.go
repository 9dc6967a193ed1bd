package gateway

import (
	"context"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

// defaultPolicyID is the Id of the policies that AddPermission makes.
const defaultPolicyID = "default"

// subject is what a policy is for.
type subject struct {
	spec     v1alpha1.ResourcePolicySpec // without the policy
	arn      string
	revision string // of the function, version or alias; layer versions have none
}

// resourcePolicy gives the policy of a function, or of the version or alias that ref names; nil if there is none. One that
// cannot be read is an error, since it may deny what is asked for. It is asked for with each request, so what it says may be
// what it said a moment ago.
func (g *gateway) resourcePolicy(ctx context.Context, ref lambda.Reference) (*policy.Document, error) {
	_, doc, err := policyFrom(ctx, engine.RecentOf(g.engine).GetRecent, functionPolicySpec(ref))
	return doc, err
}

// functionPolicySpec says which policy is meant: $LATEST has that of the function.
func functionPolicySpec(ref lambda.Reference) v1alpha1.ResourcePolicySpec {
	if ref.Qualifier == lambda.LatestVersion {
		ref.Qualifier = ""
	}
	return v1alpha1.ResourcePolicySpec{FunctionName: string(ref.Name), Qualifier: ref.Qualifier}
}

// storedPolicy gets the object of a policy and what it says; nil if there is none.
func (g *gateway) storedPolicy(ctx context.Context, of v1alpha1.ResourcePolicySpec) (*v1alpha1.ResourcePolicy, *policy.Document, error) {
	return policyFrom(ctx, g.engine.Get, of)
}

// getter is Get of an engine, or GetRecent.
type getter func(ctx context.Context, name string, obj v1alpha1.Object) error

func policyFrom(ctx context.Context, get getter, of v1alpha1.ResourcePolicySpec) (*v1alpha1.ResourcePolicy, *policy.Document, error) {
	named := &v1alpha1.ResourcePolicy{Spec: of}
	named.Default()
	stored := new(v1alpha1.ResourcePolicy)
	err := get(ctx, named.Name, stored)
	if isNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	doc, err := policy.ParseResource([]byte(stored.Spec.Policy))
	if err != nil {
		return nil, nil, &lambda.Error{
			Code: lambda.CodeService, Err: err,
			Message: "The policy of " + named.Name + " cannot be read. Its ResourcePolicy object says in its status what is wrong.",
		}
	}
	return stored, doc, nil
}

// change makes of what a policy says what it is to say. stored is nil if there is no policy yet; doc is never nil.
type change func(stored *v1alpha1.ResourcePolicy, doc *policy.Document) error

// changePolicy changes the policy of a subject and gives its object afterwards; nil if no statement is left. Changes that come
// at the same time all happen: those of this gateway one after the other, those of others by trying again.
func (g *gateway) changePolicy(ctx context.Context, s subject, c change) (*v1alpha1.ResourcePolicy, error) {
	select {
	case g.policyTurn <- struct{}{}:
		defer func() { <-g.policyTurn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for range maxRaces {
		stored, doc, err := g.storedPolicy(ctx, s.spec)
		if err != nil {
			return nil, err
		}
		if doc == nil {
			doc = &policy.Document{Version: policy.Version2012, ID: defaultPolicyID}
		}
		if err := c(stored, doc); err != nil {
			return nil, err
		}
		stored, err = g.storePolicy(ctx, s, stored, doc)
		if isNotFound(err) && g.gone(ctx, s) {
			return nil, lambda.Errorf(lambda.CodeResourceNotFound, "The resource you requested does not exist.")
		}
		if !isStale(err) && !isConflict(err) && !isNotFound(err) {
			return stored, err
		}
	}
	return nil, lambda.Errorf(lambda.CodeResourceConflict, "The policy of %s is being changed by others. Try again.", s.arn)
}

// gone reports whether the subject of a policy is no more.
func (g *gateway) gone(ctx context.Context, s subject) bool {
	owner := (&v1alpha1.ResourcePolicy{Spec: s.spec}).Owner()
	return isNotFound(g.engine.Get(ctx, owner.GetName(), owner))
}

// storePolicy writes what a policy says, if it is still the one that was read: nil if there was none.
func (g *gateway) storePolicy(ctx context.Context, s subject, was *v1alpha1.ResourcePolicy, doc *policy.Document) (*v1alpha1.ResourcePolicy, error) {
	if len(doc.Statements) == 0 {
		if was == nil {
			return nil, nil
		}
		return nil, g.engine.Delete(ctx, was)
	}
	text, err := policyText(doc)
	if err != nil {
		return nil, err
	}
	if was != nil {
		was.Spec.Policy = text
		return was, g.engine.Update(ctx, was)
	}
	made := &v1alpha1.ResourcePolicy{Spec: s.spec}
	made.Spec.Policy = text
	made.Default()
	return made, g.engine.Create(ctx, made)
}

// policyText is a document as it is stored, if that may be.
func policyText(doc *policy.Document) (string, error) {
	text := doc.String()
	if len(text) > policy.MaxResource {
		return "", tooLong(len(text))
	}
	if _, err := policy.ParseResource([]byte(text)); err != nil {
		return "", invalid("The policy is not valid: %v.", err)
	}
	return text, nil
}

func tooLong(size int) error {
	return lambda.Errorf(lambda.CodePolicyLengthExceeded, "The final policy size (%d) is bigger than the limit (%d).", size, policy.MaxResource)
}

// addStatement puts a statement at the end, unless its id is taken.
func addStatement(doc *policy.Document, s policy.Statement) error {
	if indexOf(doc, s.Sid) >= 0 {
		return lambda.Errorf(lambda.CodeResourceConflict, "The statement id (%s) provided already exists. "+
			"Please provide a new statement id, or remove the existing statement.", s.Sid)
	}
	doc.Statements = append(doc.Statements, s)
	return nil
}

// removeStatement takes out the statement of an id.
func removeStatement(doc *policy.Document, sid string) error {
	at := indexOf(doc, sid)
	if at < 0 {
		return lambda.Errorf(lambda.CodeResourceNotFound, "Statement %s is not found in resource policy.", sid)
	}
	doc.Statements = slices.Delete(doc.Statements, at, at+1)
	return nil
}

func indexOf(doc *policy.Document, sid string) int {
	return slices.IndexFunc(doc.Statements, func(s policy.Statement) bool { return s.Sid == sid })
}

// noPolicy is AWS's sentence for a function or layer version without a policy.
func noPolicy() error {
	return lambda.Errorf(lambda.CodeResourceNotFound, "No policy is associated with the given resource.")
}

// policyRevision is the RevisionId of a policy. It changes with what the policy says, and not with its status.
func policyRevision(p *v1alpha1.ResourcePolicy) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("policy/"+string(p.UID)+"/"+strconv.FormatInt(p.Generation, 10))).String()
}

// checkPolicyRevision fails if a caller names a revision that is not the policy's. Where there is no policy yet, that of what
// it will be for is as good: tools know no other. operation is where to ask for the latest one.
func checkPolicyRevision(given string, stored *v1alpha1.ResourcePolicy, owner, operation string) error {
	switch {
	case given == "":
		return nil
	case stored != nil && given == policyRevision(stored):
		return nil
	case stored == nil && given == owner:
		return nil
	default:
		return lambda.Errorf(lambda.CodePreconditionFailed, "The Revision Id provided does not match the latest Revision Id. "+
			"Call the %s API to retrieve the latest Revision Id", operation)
	}
}
