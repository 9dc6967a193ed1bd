package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxAnswer bounds what the API server may answer.
const maxAnswer = 4 << 20

// cluster is the API server of the cluster that we run in. Two objects and three verbs are all that is needed of it, so
// there is no client library.
type cluster struct {
	address string
	token   string // file
	http    *http.Client
}

// inCluster finds the API server as every pod does. The folder has the token and the authority of the server.
func inCluster(account string) (*cluster, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("this is not a pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
	}
	pool, err := authorities(filepath.Join(account, "ca.crt"))
	if err != nil {
		return nil, err
	}
	return &cluster{
		address: "https://" + net.JoinHostPort(host, port), token: filepath.Join(account, "token"),
		http: &http.Client{
			Timeout:   30 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		},
	}, nil
}

// refusal is an answer of the API server that is no success.
type refusal struct {
	status  int
	message string
}

// Error says what the server said.
func (r *refusal) Error() string {
	return fmt.Sprintf("the API server answers %d: %s", r.status, r.message)
}

func isStatus(err error, status int) bool {
	r := new(refusal)
	return errors.As(err, &r) && r.status == status
}

// do sends a request. What is answered is read into answer.
func (c *cluster) do(ctx context.Context, method, path, contentType string, body any, answer *object) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("cannot write request: %w", err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.address+path, content)
	if err != nil {
		return fmt.Errorf("cannot make request: %w", err)
	}
	token, err := os.ReadFile(c.token)
	if err != nil {
		return fmt.Errorf("cannot read the token of the service account: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("cannot reach the API server: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("cannot read the API server's answer: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		var status struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(text, &status) != nil || status.Message == "" {
			status.Message = resp.Status
		}
		return &refusal{resp.StatusCode, status.Message}
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("cannot read the API server's answer: %w", err)
	}
	return nil
}

// object is what we read of a Knative Service or a Function.
type object struct {
	Metadata struct {
		Generation      int64 `json:"generation"`
		OwnerReferences []struct {
			Kind       string `json:"kind"`
			Name       string `json:"name"`
			Controller bool   `json:"controller"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Spec   json.RawMessage `json:"spec"`
	Status struct {
		ObservedGeneration int64       `json:"observedGeneration"`
		Conditions         []condition `json:"conditions"`
		URL                string      `json:"url"`
	} `json:"status"`
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// ready is the object's condition Ready if it is about the object as it is now.
func (o *object) ready() condition {
	if o.Status.ObservedGeneration != o.Metadata.Generation {
		return condition{}
	}
	for _, c := range o.Status.Conditions {
		if c.Type == "Ready" {
			return c
		}
	}
	return condition{}
}
