package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// zipOf and tgzOf make archives of one file.
func zipOf(t *testing.T, name, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func tgzOf(t *testing.T, name, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestFetchArchive(t *testing.T) {
	data := tgzOf(t, "fn/index.js", "x")
	mux := http.NewServeMux()
	mux.HandleFunc("/a.tgz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, "/a.tgz?token=hunter2", http.StatusFound)
	})
	mux.HandleFunc("/circle", func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, "/circle", http.StatusFound) })
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>sign in</html>") })
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(data[:20])
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	private := httptest.NewUnstartedServer(mux)
	private.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told that it is not trusted
	private.StartTLS()
	t.Cleanup(private.Close)
	downgrade := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, server.URL+"/a.tgz", http.StatusFound)
	}))
	t.Cleanup(downgrade.Close)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	certificates := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: private.Certificate().Raw})
	if err := os.WriteFile(ca, certificates, 0o644); err != nil {
		t.Fatal(err)
	}
	notCA := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(notCA, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		args   []string
		want   string // in the error; empty if it works
		status int    // if there is an error; 0 is 1
	}{
		"Plain":        {reason: "An archive as it is.", args: []string{"--archive-url=" + server.URL + "/a.tgz"}},
		"Digest":       {reason: "The digest is compared, in either case of letters.", args: []string{"--archive-url=" + server.URL + "/a.tgz", "--archive-sha256=" + strings.ToUpper(sumOf(data))}},
		"Redirect":     {reason: "As most forges do.", args: []string{"--archive-url=" + server.URL + "/moved"}},
		"PrivateCA":    {reason: "The operator's authorities are trusted.", args: []string{"--archive-url=" + private.URL + "/a.tgz", "--ca-file=" + ca}},
		"NoCA":         {reason: "Nobody else's are.", args: []string{"--archive-url=" + private.URL + "/a.tgz", "--ca-file=" + ca + ".missing"}, want: "certificate"},
		"BadCA":        {reason: "A file of another kind.", args: []string{"--archive-url=" + private.URL + "/a.tgz", "--ca-file=" + notCA}, want: "no certificate in PEM form"},
		"Downgrade":    {reason: "Who wants TLS gets it all the way.", args: []string{"--archive-url=" + downgrade.URL, "--ca-file=" + ca}, want: "redirect from https to http"},
		"OtherDigest":  {reason: "Somebody changed it.", args: []string{"--archive-url=" + server.URL + "/a.tgz", "--archive-sha256=" + sumOf(nil)}, want: "has digest " + sumOf(data)},
		"Missing":      {reason: "The query may be a signature.", args: []string{"--archive-url=" + server.URL + "/x?sig=hunter2"}, want: "404"},
		"Circle":       {reason: "It ends.", args: []string{"--archive-url=" + server.URL + "/circle"}, want: "redirects"},
		"Page":         {reason: "Not what was meant.", args: []string{"--archive-url=" + server.URL + "/page"}, want: "neither a zip nor a tar"},
		"Short":        {reason: "The connection broke off.", args: []string{"--archive-url=" + server.URL + "/short"}, want: "cannot fetch archive", status: statusTemporary},
		"File":         {reason: "Files of the pod are no sources.", args: []string{"--archive-url=file:///etc/passwd"}, want: "not an https or http URL"},
		"Unparsable":   {reason: "It is not repeated, for it may hold anything.", args: []string{"--archive-url=http://hunter2\x7f"}, want: "the URL"},
		"NobodyThere":  {reason: "The server is down.", args: []string{"--archive-url=http://127.0.0.1:1/x?sig=hunter2"}, want: "connection refused", status: statusTemporary},
		"NotThereFold": {reason: "The path is wrong.", args: []string{"--archive-url=" + server.URL + "/a.tgz", "--path=x"}, want: `at the top there are "fn"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := runFetch(t, tc.args...)
			if strings.Contains(got.out+got.errors, "hunter2") {
				t.Errorf("%s\nthe log has a secret: %s%s", tc.reason, got.out, got.errors)
			}
			if tc.want != "" {
				if got.status != max(tc.status, statusFailed) || !strings.Contains(got.errors, tc.want) {
					t.Errorf("%s\nfetch ends with %d and says %q, want %q", tc.reason, got.status, got.errors, tc.want)
				}
				return
			}
			if got.status != 0 || got.commit != "sha256:"+sumOf(data) {
				t.Fatalf("%s\nfetch ends with %d and commit %q\n%s", tc.reason, got.status, got.commit, got.errors)
			}
			if diff := cmp.Diff(map[string]string{"fn/index.js": "-rw- x"}, got.files(t)); diff != "" {
				t.Errorf("%s\nfiles -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFetchFromRegistry(t *testing.T) {
	host := newRegistry(t)
	data := zipOf(t, "index.js", "x")
	blob := upload(t, host+"/functions/team", data)
	digest := pushArtifact(t, host+"/sources/fn:1", tgzOf(t, "index.js", "x"))
	cases := map[string]struct {
		reason string
		args   []string
		commit string
		status int
		want   string // in the error
	}{
		"Upload": {
			reason: "What the gateway was given.",
			args:   []string{fmt.Sprintf("--upload=%s:%d", blob.sha256, blob.size), "--store=" + host + "/functions/team"}, commit: "sha256:" + sumOf(data),
		},
		"Artifact": {
			reason: "Its digest is that of its manifest: by it others find it.",
			args:   []string{"--artifact=" + host + "/sources/fn:1"}, commit: digest,
		},
		"NoUpload": {
			reason: "It was deleted, or is another namespace's.", status: 1, want: "No code with digest",
			args: []string{"--upload=" + sumOf(nil) + ":5", "--store=" + host + "/functions/team"},
		},
		"OtherSize":  {reason: "What is stored is not what was meant.", status: 1, want: "size", args: []string{"--upload=" + blob.sha256 + ":7", "--store=" + host + "/functions/team"}},
		"NoArtifact": {reason: "The tag is wrong.", status: 1, want: "404", args: []string{"--artifact=" + host + "/sources/fn:2"}},
		"BadUpload":  {reason: "It is a name, not a path.", status: 2, want: "SHA256:SIZE", args: []string{"--upload=../../etc", "--store=x"}},
		"BadLogins":  {reason: "The Secret is of another type.", status: 1, want: "docker configuration", args: []string{"--artifact=" + host + "/sources/fn:1", "--docker-config=" + filepath.Join(secret(t, map[string]string{"c": "hunter2"}), "c")}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := runFetch(t, tc.args...)
			if tc.want != "" {
				if got.status != tc.status || !strings.Contains(got.errors, tc.want) || strings.Contains(got.errors, "hunter2") {
					t.Errorf("%s\nfetch ends with %d and says %q, want %q", tc.reason, got.status, got.errors, tc.want)
				}
				return
			}
			if got.status != 0 || got.commit != tc.commit {
				t.Fatalf("%s\nfetch ends with %d and commit %q, want %q\n%s", tc.reason, got.status, got.commit, tc.commit, got.errors)
			}
			if diff := cmp.Diff(map[string]string{"index.js": "-rw- x"}, got.files(t)); diff != "" {
				t.Errorf("%s\nfiles -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFetchUsage(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"Nothing":     {reason: "There is no default source.", args: nil, want: "no source"},
		"Two":         {reason: "Which one is not ours to guess.", args: []string{"--git-url=x", "--artifact=y"}, want: "--git-url and --artifact"},
		"NoStore":     {reason: "Uploads are somewhere.", args: []string{"--upload=x"}, want: "--store"},
		"BadResult":   {reason: "A slip.", args: []string{"--git-url=x", "--result=COMMIT"}, want: "NAME=FILE"},
		"UnknownFlag": {reason: "A slip.", args: []string{"--git=x"}, want: "-git"},
		"Argument":    {reason: "A slip.", args: []string{"--git-url=x", "more"}, want: `"more"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := runFetch(t, tc.args...); got.status != 2 || !strings.Contains(got.errors, tc.want) {
				t.Errorf("%s\nfetch ends with %d and says %q, want 2 and %q", tc.reason, got.status, got.errors, tc.want)
			}
		})
	}
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"fetch", "--git-url=x"}, &out, &errs); status != 2 || !strings.Contains(errs.String(), "--into") {
		t.Errorf("fetch without a place ends with %d and says %q", status, errs.String())
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if status := run(t.Context(), []string{"fetch", "--git-url=http://127.0.0.1:1/x", "--into=" + full}, &out, &errs); status != 1 || !strings.Contains(errs.String(), "not empty") {
		t.Errorf("fetch into a full folder ends with %d and says %q", status, errs.String())
	}
}

func FuzzParseStored(f *testing.F) {
	for _, s := range []string{sumOf(nil) + ":1", sumOf(nil) + ":-1", ":", "x", strings.Repeat("a", 64) + ":9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseStored(text)
		if err == nil && (len(got.sha256) != 64 || got.size <= 0) {
			t.Fatalf("parseStored(%q) = %+v", text, got)
		}
	})
}
