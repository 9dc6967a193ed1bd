package access

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

const (
	// Prefix begins the id of every key that is issued here. AWS's own begin with AKIA, so nobody takes one for the other.
	Prefix = "LKIA"
	// AnyNamespace is the namespace of keys that are for all.
	AnyNamespace = "*"

	idLength     = 20
	secretLength = 40
)

// Key is an access key.
type Key struct {
	// ID is 20 capital letters and digits. It is no secret.
	ID string `json:"id"`
	// Secret is 40 characters.
	Secret string `json:"secret"`
	// Namespace is the one whose functions the key is for; AnyNamespace for all.
	Namespace string `json:"namespace"`
	// Name is that of the principal; its ARN is arn:aws:iam::ACCOUNT:user/NAME. Several keys may share one.
	Name string `json:"name"`
	// Policy is an identity policy in AWS's language: what the principal may do.
	Policy string `json:"policy"`
	// Created is when the key was made.
	Created time.Time `json:"created"`
}

var (
	idForm        = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	secretForm    = regexp.MustCompile(`^[A-Za-z0-9/+=_.-]{16,128}$`)
	nameForm      = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,64}$`)
	namespaceForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|\*)$`)
)

// New makes a key with a fresh id and secret.
func New(name, namespace, policyText string, now time.Time) (Key, error) {
	id := make([]byte, 10) // 80 bits, 16 characters
	secret := make([]byte, secretLength*3/4)
	_, _ = rand.Read(id) // it never fails
	_, _ = rand.Read(secret)
	k := Key{
		ID: Prefix + base32.StdEncoding.EncodeToString(id)[:idLength-len(Prefix)], Secret: base64.StdEncoding.EncodeToString(secret),
		Namespace: namespace, Name: name, Policy: policyText, Created: now.UTC().Truncate(time.Second),
	}
	_, err := k.Check()
	return k, err
}

// Check finds all faults of a key at once, and reads its policy.
func (k Key) Check() (*policy.Document, error) {
	var faults []error
	if !idForm.MatchString(k.ID) {
		faults = append(faults, fmt.Errorf("id %q: want 16 to 128 capital letters and digits", k.ID))
	}
	if !secretForm.MatchString(k.Secret) {
		faults = append(faults, errors.New("the secret has another form than secrets of access keys have"))
	}
	if !nameForm.MatchString(k.Name) {
		faults = append(faults, fmt.Errorf("name %q: want 1 to 64 letters, digits and +=,.@_-", k.Name))
	}
	if !namespaceForm.MatchString(k.Namespace) {
		faults = append(faults, fmt.Errorf("namespace %q: want the name of a namespace, or * for all", k.Namespace))
	}
	doc, err := policy.ParseIdentity([]byte(k.Policy))
	if err == nil {
		err = checkConditions(doc)
	}
	if err != nil {
		faults = append(faults, fmt.Errorf("policy: %w", err))
	}
	return doc, errors.Join(faults...)
}

// ARN is the principal's, in an account.
func (k Key) ARN(account string) string { return UserARN(account, k.Name) }

// UserARN is the ARN of a principal with keys.
func UserARN(account, name string) string { return "arn:aws:iam::" + account + ":user/" + name }

// Keys finds keys. It is safe for concurrent use; a key that was deleted is not found any more within seconds.
type Keys interface {
	// Lookup gives the key with an id. It fails with UnrecognizedClientException if there is none.
	Lookup(ctx context.Context, id string) (*Issued, error)
}

// Issued is a key with its policy as it was read.
type Issued struct {
	Key

	Document *policy.Document
}

// Caller is who signs with the key, in an account.
func (k *Issued) Caller(account string, context map[string][]string) *Caller {
	return &Caller{
		Principal: policy.Principal{Account: account, ARN: k.ARN(account)}, KeyID: k.ID, Namespace: k.Namespace,
		Identity: k.Document, AsksForTags: asksForTags(k.Document), Context: context,
	}
}

// Unrecognized is AWS's answer to keys that do not exist.
func Unrecognized() error {
	return lambda.Errorf(lambda.CodeUnrecognizedClient, "The security token included in the request is invalid.")
}

// The policies that have names, so that few need to write one.
const (
	PolicyFull   = "full"
	PolicyRead   = "read"
	PolicyInvoke = "invoke"
)

// Named gives the text of a policy by its name.
func Named(name string) (string, bool) {
	actions, ok := map[string]string{
		PolicyFull:   `"*"`,
		PolicyRead:   `["lambda:Get*","lambda:List*","logs:FilterLogEvents","lambkin:GetCode"]`,
		PolicyInvoke: `["lambda:InvokeFunction","lambda:InvokeAsync","lambda:InvokeFunctionUrl"]`,
	}[name]
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions + `,"Resource":"*"}]}`, ok
}
