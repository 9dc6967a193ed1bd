package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/access"
)

// keysPath is where a server issues access keys.
const keysPath = lambkinPath + "keys"

// KeyList is the answer to a question for all keys. Their secrets are empty.
type KeyList struct {
	Keys []access.Key `json:"keys"`
}

// Keys are the access keys of a server.
type Keys struct{ server server }

// NewKeys gives the access keys of the server at an address. It does not connect yet.
func NewKeys(c *http.Client, endpoint string) Keys {
	return Keys{server{base: strings.TrimSuffix(endpoint, "/"), http: c}}
}

// List gives all, oldest first.
func (k Keys) List(ctx context.Context) ([]access.Key, error) {
	var all KeyList
	err := k.ask(ctx, http.MethodGet, keysPath, nil, &all)
	return all.Keys, err
}

// Create asks for a key with a name, namespace and policy, and gives it with its secret.
func (k Keys) Create(ctx context.Context, wanted access.Key) (access.Key, error) {
	var made access.Key
	text, err := json.Marshal(wanted)
	if err != nil {
		return made, fmt.Errorf("write a request for a key: %w", err)
	}
	return made, k.ask(ctx, http.MethodPost, keysPath, text, &made)
}

// Delete withdraws a key.
func (k Keys) Delete(ctx context.Context, id string) error {
	return k.ask(ctx, http.MethodDelete, keysPath+"/"+url.PathEscape(id), nil, nil)
}

func (k Keys) ask(ctx context.Context, method, path string, body []byte, out any) error {
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	res, err := k.server.send(ctx, method, path, in, nil)
	if err != nil {
		return err
	}
	defer drop(res)
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxReply)).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return nil
}
