package host

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/engine/remote"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	keysPath = planePath + "v1/keys"
	// maxKeyRequest bounds the body of a request for a key: a policy has at most 6144 characters.
	maxKeyRequest = 64 << 10
)

// keyDesk issues and withdraws access keys over HTTP:
//
//	GET     /lambkin/v1/keys        all, without their secrets
//	POST    /lambkin/v1/keys        {"name":…, "policy":…}, answered with the key and, this once, its secret
//	DELETE  /lambkin/v1/keys/{id}
//
// Policies name these as IAM does. Whoever may create keys may give them any policy, so that right is as much as all others.
type keyDesk struct {
	keys    *access.File
	account string
}

func (d keyDesk) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+keysPath, d.desk("iam:ListAccessKeys", d.list))
	mux.HandleFunc("POST "+keysPath, d.desk("iam:CreateAccessKey", d.create))
	mux.HandleFunc("DELETE "+keysPath+"/{id}", d.desk("iam:DeleteAccessKey", d.remove))
	return mux
}

// desk asks the caller's policy and writes what came of the request.
func (d keyDesk) desk(action string, do func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var out any
		err := error(lambda.Errorf(lambda.CodeMissingAuthenticationToken, "Missing Authentication Token"))
		if caller := access.CallerOf(r.Context()); caller != nil {
			err = caller.Authorize(r.Context(), access.Question{Action: action, Resource: access.UserARN(d.account, "*")})
		}
		if err == nil {
			out, err = do(r)
		}
		if err != nil {
			remote.Refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // a caller that has gone needs no answer
	}
}

func (d keyDesk) list(*http.Request) (any, error) {
	keys, err := d.keys.List()
	for i := range keys {
		keys[i].Secret = ""
	}
	return remote.KeyList{Keys: keys}, err
}

func (d keyDesk) create(r *http.Request) (any, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxKeyRequest))
	if known := new(lambda.Error); errors.As(err, &known) {
		return nil, known // its signature is wrong
	}
	var asked access.Key
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil {
		return nil, lambda.Errorf(lambda.CodeInvalidRequestContent, "the body is not a request for a key: %v", err)
	}
	key, err := access.New(asked.Name, asked.Namespace, asked.Policy, time.Now())
	if err != nil {
		return nil, lambda.Errorf(lambda.CodeInvalidParameterValue, "%v", err)
	}
	return key, d.keys.Add(key)
}

func (d keyDesk) remove(r *http.Request) (any, error) {
	err := d.keys.Delete(r.PathValue("id"))
	if errors.Is(err, access.ErrNoKey) {
		err = lambda.Errorf(lambda.CodeResourceNotFound, "%v", err)
	}
	return struct{}{}, err
}
