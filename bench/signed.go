package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/lambkin-dev/lambkin/bench/table"
	"github.com/lambkin-dev/lambkin/internal/access"
	"github.com/lambkin-dev/lambkin/internal/signature"
)

// signedInvoke measures what the Lambda API adds to a warm call: the signature is checked, the policies are asked, and the
// version is found, before the call reaches a front door like that which it is compared with.
func (b *bench) signedInvoke() ([]table.Row, error) {
	dir, err := os.MkdirTemp("", "lambkin-bench")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a rest in the temporary directory does no harm
	pod, _, err := b.startPod(1)
	if err != nil {
		return nil, err
	}
	defer pod.stop()
	l := local{bench: b, dir: dir}
	data := filepath.Join(dir, "signed")
	if l.server, _, err = start([]string{l.lambkin, "serve", "--addr", "{addr}", "--data-dir", data}, nil); err != nil {
		return nil, err
	}
	defer l.server.stop()
	sign, err := l.useKey(filepath.Join(data, "credentials"))
	if err != nil {
		return nil, err
	}
	if err := l.deployHandler("function"); err != nil {
		return nil, err
	}
	m, err := b.compare([]server{
		{name: "front door", child: pod, url: invokeURL(pod)},
		{name: "gateway", child: l.server, url: invokeURL(l.server), sign: sign},
	}, load{callers: 1, total: b.requests / 4, body: []byte(`{"hello":"world"}`)})
	if err != nil {
		return nil, err
	}
	return []table.Row{table.Ratio("median of one caller at the Lambda API, signed, in units of the same at a front door",
		m["gateway"].median.Seconds()/m["front door"].median.Seconds(), table.AtMost(1.5))}, nil
}

// useKey makes further commands use the key in a file, and gives what signs requests with it.
func (l *local) useKey(path string) (func(*http.Request) (*http.Request, error), error) {
	resp, err := newClient(1).Get("http://" + l.server.addr + "/") // it answers, if only with a refusal, once it has its keys
	if err != nil {
		return nil, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	key, err := access.ReadCredentials(path, access.DefaultProfile)
	if err != nil {
		return nil, fmt.Errorf("the server's first key: %w", err)
	}
	l.environ = []string{"LAMBKIN_CREDENTIALS=" + path}
	t := &signature.Transport{Credentials: signature.Credentials{KeyID: key.ID, Secret: key.Secret}, Region: "us-east-1", Service: "lambda"}
	return t.Sign, nil
}
