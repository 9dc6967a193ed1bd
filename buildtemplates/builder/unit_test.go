package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckRedirect(t *testing.T) {
	request := func(text string, login bool) *http.Request {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		req := &http.Request{URL: u, Header: http.Header{}}
		if login {
			req.SetBasicAuth("me", "hunter2")
		}
		return req
	}
	cases := map[string]struct {
		reason, from, to string
		login            bool
		hops             int
		refused          bool
	}{
		"SameHost":        {reason: "Forges move repositories.", from: "https://h/a", to: "https://h/b"},
		"SameHostLogin":   {reason: "Who had the password before may have it again.", from: "https://h/a", to: "https://h/b", login: true},
		"OtherHost":       {reason: "Archives are often kept elsewhere.", from: "https://h/a", to: "https://cdn/a"},
		"OtherHostLogin":  {reason: "Git would send the password there.", from: "https://h/a", to: "https://cdn/a", login: true, refused: true},
		"OtherPortLogin":  {reason: "Another port is another server.", from: "https://h/a", to: "https://h:8443/a", login: true, refused: true},
		"Upgrade":         {reason: "To TLS is always right.", from: "http://h/a", to: "https://h/a"},
		"UpgradeLogin":    {reason: "But the password went over the line already: the address should say https.", from: "http://h/a", to: "https://h/a", login: true, refused: true},
		"Downgrade":       {reason: "Who wants TLS gets it.", from: "https://h/a", to: "http://h/a", refused: true},
		"FiveTimes":       {reason: "Some need a few.", from: "https://h/a", to: "https://h/b", hops: 5},
		"OnceTooOften":    {reason: "A circle ends.", from: "https://h/a", to: "https://h/b", hops: 6, refused: true},
		"OtherSchemeFile": {reason: "Files are not on the web.", from: "https://h/a", to: "file:///etc/passwd", refused: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			via := []*http.Request{request(tc.from, tc.login)}
			for len(via) < tc.hops {
				via = append(via, via[0])
			}
			err := checkRedirect(request(tc.to, false), via)
			if (err != nil) != tc.refused {
				t.Errorf("%s\ncheckRedirect: %v", tc.reason, err)
			}
		})
	}
}

func TestAddressesAreWithoutSecrets(t *testing.T) {
	cases := map[string]struct{ reason, text, redacted, git, source string }{
		"Plain":     {reason: "It is what people know.", text: "https://h/a/b.git", redacted: "https://h/a/b.git", git: "https://h/a/b.git", source: "https://h/a/b.git"},
		"User":      {reason: "Some tokens are given as user names.", text: "https://token@h/a", redacted: "https://h/a", git: "https://h/a", source: "https://h/a"},
		"Query":     {reason: "Signatures of presigned URLs.", text: "https://h/a?sig=x#y", redacted: "https://h/a", git: "https://h/a", source: "https://h/a"},
		"Port":      {reason: "It belongs to the host.", text: "ssh://git@h:2222/a", redacted: "ssh://h:2222/a", git: "ssh://h:2222/a", source: "ssh://h:2222/a"},
		"Scp":       {reason: "There is no place for a secret in it.", text: "git@h:a/b.git", redacted: "the URL", git: "git@h:a/b.git", source: "git@h:a/b.git"},
		"NoURL":     {reason: "What cannot be read is not shown.", text: "http://a b\x7f", redacted: "the URL", git: "http://a b\x7f", source: "the URL"},
		"NoAddress": {reason: "Sources need not be from git.", text: "", redacted: "the URL", git: "", source: ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := repository{url: tc.text}
			got := []string{redacted(tc.text), r.address(), sourceAddress(tc.text)}
			if diff := cmp.Diff([]string{tc.redacted, tc.git, tc.source}, got); diff != "" {
				t.Errorf("%s\nfor logs, of git, in images -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSSHHost(t *testing.T) {
	for text, want := range map[string]string{
		"git@h.example:a/b.git": "h.example:22", "ssh://git@h.example/a": "h.example:22", "ssh://git@h.example:2222/a": "h.example:2222", "ssh://git@[::1]:2222/a": "[::1]:2222",
	} {
		r := repository{url: text}
		if got := r.sshHost(); got != want {
			t.Errorf("host of %q is %q, want %q", text, got, want)
		}
	}
}

func TestRepositoryOf(t *testing.T) {
	for text, want := range map[string]string{
		"h/a": "h/a", "h/a:tag": "h/a", "h:5000/a": "h:5000/a", "h:5000/a:tag": "h:5000/a", "a:tag": "a", "a": "a",
	} {
		if got := repositoryOf(text); got != want {
			t.Errorf("repository of %q is %q, want %q", text, got, want)
		}
	}
}

func TestResultsSet(t *testing.T) {
	r := results{}
	for _, bad := range []string{"", "NAME", "=file", "NAME="} {
		if err := r.Set(bad); err == nil {
			t.Errorf("%q is taken for NAME=FILE", bad)
		}
	}
	if err := r.Set("NAME=a=b"); err != nil || r["NAME"] != "a=b" {
		t.Errorf("a file with = in its name: %v, %v", r, err)
	}
}

func TestReady(t *testing.T) {
	cases := map[string]struct{ reason, text, want string }{
		"True":     {reason: "It is about this generation.", text: `{"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]}}`, want: "True"},
		"Stale":    {reason: "It is about the generation before.", text: `{"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}}`},
		"NotYet":   {reason: "Nobody has looked at it.", text: `{"metadata": {"generation": 1}}`},
		"NoStatus": {reason: "There is no such condition yet.", text: `{"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var o object
			if err := json.Unmarshal([]byte(tc.text), &o); err != nil {
				t.Fatal(err)
			}
			if got := o.ready().Status; got != tc.want {
				t.Errorf("%s\nready is %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestRegistryFlags(t *testing.T) {
	dir := secret(t, map[string]string{"good": `{"auths": {}}`, "empty": "", "bad": "hunter2", "ca.crt": "x"})
	cases := map[string]struct {
		reason  string
		flags   registryFlags
		plain   []string
		ca      int
		refused bool
	}{
		"Nothing":  {reason: "Public registries need nothing."},
		"Missing":  {reason: "The Secret and the ConfigMap are optional.", flags: registryFlags{dockerConfig: filepath.Join(dir, "none"), caFile: filepath.Join(dir, "none")}},
		"Empty":    {reason: "A Secret without logins.", flags: registryFlags{dockerConfig: filepath.Join(dir, "empty")}},
		"Good":     {reason: "All at once.", flags: registryFlags{dockerConfig: filepath.Join(dir, "good"), caFile: filepath.Join(dir, "ca.crt"), plainHTTP: " a:5000,b , "}, plain: []string{"a:5000", "b"}, ca: 1},
		"Bad":      {reason: "A Secret of another type.", flags: registryFlags{dockerConfig: filepath.Join(dir, "bad")}, refused: true},
		"IsFolder": {reason: "A mount that went wrong.", flags: registryFlags{dockerConfig: dir}, refused: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := tc.flags.registry()
			if (err != nil) != tc.refused || err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("%s\nregistry: %v", tc.reason, err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tc.plain, got.PlainHTTP); diff != "" || len(got.CAFiles) != tc.ca {
				t.Errorf("%s\nplain HTTP -want +got:\n%s\nauthorities: %v", tc.reason, diff, got.CAFiles)
			}
		})
	}
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	status := run(ctx, []string{"fetch", "--archive-url=http://127.0.0.1:1/x", "--into=" + t.TempDir()}, &out, &errs)
	if status != 1 || errs.String() != "ERROR: fetch was stopped\n" {
		t.Errorf("a step that is stopped ends with %d and says %q", status, errs.String())
	}
}

func TestWithoutURL(t *testing.T) {
	inner := errors.New("inner")
	if got := withoutURL(&url.Error{Op: "Get", URL: "https://h/?sig=hunter2", Err: inner}); !errors.Is(got, inner) || strings.Contains(got.Error(), "hunter2") {
		t.Errorf("withoutURL gives %v", got)
	}
	if got := withoutURL(inner); !errors.Is(got, inner) {
		t.Errorf("withoutURL gives %v", got)
	}
}
