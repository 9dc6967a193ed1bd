package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
)

// checkout makes a folder with what of the checkout goes into a release, apart from code.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "config"), os.DirFS("../../config")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"LICENSE", embedded + "/README.md"} {
		if err := writeFile(filepath.Join(root, file), nil); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// certificate is enough of one for a file of authorities.
func certificate(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := writeFile(path, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")); err != nil {
		t.Fatal(err)
	}
	return path
}

// small is a Go program that is quickly made and packed. It stands for all of ours.
var small string

func TestMain(m *testing.M) { os.Exit(withSmall(m)) }

func withSmall(m *testing.M) int {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := buildSmall(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func buildSmall(dir string) error {
	if err := writeModule(dir); err != nil {
		return err
	}
	small = filepath.Join(dir, "small")
	return goBuild(dir)(context.Background(), program{pkg: ".", system: "linux", arch: "amd64"}, small)
}

// writeModule writes the least of a Go module.
func writeModule(dir string) error {
	return errors.Join(
		writeFile(filepath.Join(dir, "go.mod"), []byte("module example.com/x\n\ngo 1.26\n")),
		writeFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n")),
	)
}

// fakeBuild has a small program as every program. What it was asked for goes to the end of the file.
func fakeBuild(_ context.Context, p program, file string) error {
	text, err := os.ReadFile(small)
	if err != nil {
		return err
	}
	return writeFile(file, fmt.Appendf(text, "%s %s %s stamped=%v embeds=%v", p.pkg, p.system, p.arch, p.stamped, p.overlay != ""))
}

// newRelease is a release of a checkout with all that takes long left out.
func newRelease(t *testing.T) *release {
	t.Helper()
	return &release{
		options: options{
			root: checkout(t), out: filepath.Join(t.TempDir(), "dist"), version: "v1.2.3", architectures: list{"amd64"},
			archives: list{"linux/amd64", "darwin/arm64"}, certificates: certificate(t),
		},
		commit: facts{revision: strings.Repeat("c", 40), time: time.Unix(1_700_000_000, 0).UTC()},
		build:  fakeBuild,
		log:    io.Discard,
	}
}

// digests are the files below a folder with their digests.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all[name], err = digestOf(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReleaseIsDeterministic(t *testing.T) {
	first, second := newRelease(t), newRelease(t)
	for _, r := range []*release{first, second} {
		if err := r.make(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := digests(t, first.out)
	if d := cmp.Diff(got, digests(t, second.out)); d != "" {
		t.Errorf("two releases of the same are not the same (-first +second):\n%s", d)
	}
	for _, want := range []string{
		manifestFile, checksums, "images/index.json", "sbom/runtime.spdx.json", "sbom/lambkin_v1.2.3_darwin_arm64.spdx.json", "lambkin_v1.2.3_linux_amd64.tar.gz",
	} {
		if got[want] == "" {
			t.Errorf("there is no %s", want)
		}
	}
	checkLayouts(t, first.out)
	second.version = "v1.2.4"
	if err := second.make(t.Context()); err != nil { // in place of what was there
		t.Fatal(err)
	}
	if _, err := image.Load(filepath.Join(second.out, "images"), "runtime:v1.2.3"); err == nil {
		t.Error("the release before is still there")
	}
	for name, same := range map[string]bool{"runtime": true, "controller": false} {
		if a, b := reference(t, first.out, name), reference(t, second.out, name); (a == b) != same {
			t.Errorf("image %s of two versions with the same code: %s and %s", name, a, b)
		}
	}
}

// reference is how the manifest of a release names an image.
func reference(t *testing.T, dir, name string) string {
	t.Helper()
	text := readText(t, filepath.Join(dir, manifestFile)) + readText(t, filepath.Join(dir, helloFile))
	return regexp.MustCompile(`\S+/` + name + `@sha256:[0-9a-f]{64}`).FindString(text)
}

// checkLayouts holds the images in the folder against the manifest, and the files against their digests.
func checkLayouts(t *testing.T, out string) {
	t.Helper()
	for _, name := range []string{"runtime", "controller", "hello"} {
		made, err := image.Load(filepath.Join(out, "images"), name+":v1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		digest, err := made.Digest()
		if want := noRegistry + "/" + name + "@" + digest; err != nil || reference(t, out, name) != want {
			t.Errorf("the manifest has %s, want %s, %v", reference(t, out, name), want, err)
		}
	}
	for line := range strings.Lines(readText(t, filepath.Join(out, checksums))) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if got, err := digestOf(filepath.Join(out, name)); err != nil || got != sum {
			t.Errorf("%s: %s says %s, it is %s, %v", name, checksums, sum, got, err)
		}
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReleasePushes has the cluster know the registry by another name than this machine.
func TestReleasePushes(t *testing.T) {
	hub := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	defer hub.Close()
	r := newRelease(t)
	r.registry, r.registryPush, r.archives = "registry.cluster.local:5000/system/lambkin", strings.TrimPrefix(hub.URL, "http://"), nil
	r.plainHTTP, r.architectures = list{r.registryPush}, list{"amd64", "arm64"}
	if err := r.make(t.Context()); err != nil {
		t.Fatal(err)
	}
	reg := &image.Registry{PlainHTTP: r.plainHTTP}
	for name, want := range map[string]image.Config{
		"runtime": {EntryPoint: []string{"/lambkin/runtime-api"}, User: image.Nobody},
		"hello":   {EntryPoint: []string{"/var/task/bootstrap"}, User: image.Nobody, Env: []string{"LAMBDA_TASK_ROOT=/var/task"}},
		"lambkin": {EntryPoint: []string{"/lambkin/lambkin"}, User: image.Nobody,
			Env: []string{"HOME=/tmp", "PATH=/lambkin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}},
	} {
		digest, ok := strings.CutPrefix(reference(t, r.out, name), r.registry+"/"+name+"@")
		if !ok {
			t.Fatalf("the manifest has %s, want it below %s", reference(t, r.out, name), r.registry)
		}
		got, err := reg.Inspect(t.Context(), r.registryPush+"/system/lambkin/"+name+":v1.2.3", "arm64")
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != digest || !slices.Equal(got.Architectures, []string{"amd64", "arm64"}) {
			t.Errorf("%s is %s for %v, the manifest has %s", name, got.Digest, got.Architectures, digest)
		}
		if d := cmp.Diff(want, image.Config{EntryPoint: got.EntryPoint, User: got.User, Env: got.Env}); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if stamped := got.Labels["org.opencontainers.image.revision"] == r.commit.revision; stamped != (name == "lambkin") {
			t.Errorf("labels of %s: %v", name, got.Labels)
		}
		if _, text := get(t, hub.URL+"/v2/system/lambkin/"+name+"/referrers/"+digest); !strings.Contains(text, spdxMediaType) {
			t.Errorf("%s has no list of contents: %s", name, text)
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestReleaseFails(t *testing.T) {
	cases := map[string]struct {
		reason string
		broken func(t *testing.T, r *release)
		want   string
	}{
		"Build": {"a program cannot be built", func(_ *testing.T, r *release) {
			r.build = func(context.Context, program, string) error { return errors.New("no compiler") }
		}, "image runtime: no compiler"},
		"Certificates": {"images without authorities reach nothing", func(t *testing.T, r *release) {
			r.certificates = filepath.Join(t.TempDir(), "none")
		}, "give -certificates FILE"},
		"Registry": {"nobody is there", func(_ *testing.T, r *release) {
			r.registry, r.plainHTTP = "127.0.0.1:1/x", list{"127.0.0.1:1"}
		}, "image runtime: "},
		"Out": {"a folder of somebody else's", func(t *testing.T, r *release) {
			if err := writeFile(filepath.Join(r.out, "letter"), nil); err != nil {
				t.Fatal(err)
			}
		}, "not ours to empty"},
		"Values": {"no such file", func(t *testing.T, r *release) { r.values = filepath.Join(t.TempDir(), "none") }, "no such file"},
		"Parts":  {"a checkout without manifests", func(t *testing.T, r *release) { removeAll(t, filepath.Join(r.root, "config")) }, "there are none"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRelease(t)
			tc.broken(t, r)
			if err := r.make(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want it to say %q", tc.reason, err, tc.want)
			}
		})
	}
}

func removeAll(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestCommandLineFails breaks what archives are made of.
func TestCommandLineFails(t *testing.T) {
	for missing, want := range map[string]string{"cli": "no place for manifests", "LICENSE": "pack LICENSE"} {
		r := newRelease(t)
		removeAll(t, filepath.Join(r.root, missing))
		if err := r.commandLine(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: got %v, want it to say %q", missing, err, want)
		}
	}
}

func TestArchive(t *testing.T) {
	r := newRelease(t)
	if err := r.commandLine(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(r.out, "lambkin_v1.2.3_darwin_arm64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	var program []byte
	for packed := tar.NewReader(unzipped); ; {
		h, err := packed.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = fmt.Sprintf("%v %s", h.FileInfo().Mode(), h.Linkname)
		if h.Name == "lambkin" {
			if program, err = io.ReadAll(packed); err != nil {
				t.Fatal(err)
			}
		}
		if !h.ModTime.Equal(r.commit.time) {
			t.Errorf("%s is of %v", h.Name, h.ModTime)
		}
	}
	want := map[string]string{"LICENSE": "-rw-r--r-- ", "lambkin": "-rwxr-xr-x ", "kn-lambkin": "Lrwxrwxrwx lambkin", "kubectl-lambkin": "Lrwxrwxrwx lambkin"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if want := "./cli darwin arm64 stamped=true embeds=true"; !bytes.HasSuffix(program, []byte(want)) {
		t.Errorf("the program ends with %q, want %q", program[len(program)-len(want):], want)
	}
}

func TestOverlay(t *testing.T) {
	r := newRelease(t)
	path, err := r.overlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Replace map[string]string }
	if err := json.Unmarshal([]byte(readText(t, path)), &got); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{manifestFile, tektonFile} {
		if place := filepath.Join(r.root, embedded, file); got.Replace[place] != filepath.Join(r.out, file) {
			t.Errorf("%s is %q", place, got.Replace[place])
		}
	}
}

func TestOptions(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		want   string // words of the error; none if all is well
	}{
		"Least":        {"a version is all that must be", []string{"-version", "v1"}, ""},
		"All":          {"as a release and as a test has it", []string{"-version", "v1.2.3-rc.1", "-registry", "r.example:5000/a/b", "-registry-push", "127.0.0.1:5000", "-arch", "amd64", "-cli", ""}, ""},
		"NoVersion":    {"everything bears it", nil, "-version is"},
		"Version":      {"no label holds it", []string{"-version", "v1+x"}, "-version is"},
		"NoPath":       {"a host alone", []string{"-version", "v1", "-registry", "r.example"}, "-registry is"},
		"Scheme":       {"not a URL", []string{"-version", "v1", "-registry", "https://r.example/x"}, "-registry is"},
		"Slash":        {"at the end", []string{"-version", "v1", "-registry", "r.example/x/"}, "-registry is"},
		"Tag":          {"images have their own", []string{"-version", "v1", "-registry", "r.example/x:y"}, "-registry is"},
		"PushAlone":    {"what would the manifest say?", []string{"-version", "v1", "-registry-push", "r"}, "give -registry too"},
		"PushPath":     {"the path is the same", []string{"-version", "v1", "-registry", "r/x", "-registry-push", "r/x"}, "-registry-push is"},
		"Architecture": {"none", []string{"-version", "v1", "-arch", ","}, "-arch is empty"},
		"Target":       {"an OS without architecture", []string{"-version", "v1", "-cli", "linux"}, "-cli holds"},
		"Argument":     {"not a flag", []string{"-version", "v1", "now"}, `"now" is no flag`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var o options
			o.architectures = list{"amd64"}
			err := o.parse(tc.args, io.Discard)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s: got %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
	if err := run(t.Context(), []string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
}

func TestCommit(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	f, err := commit(t.Context(), t.TempDir())
	if err != nil || f.revision != "" || f.time.Format(time.RFC3339) != "1970-01-02T00:00:00Z" {
		t.Errorf("without git: %+v, %v", f, err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, err := commit(t.Context(), t.TempDir()); err == nil {
		t.Error("a time that is none was taken")
	}
}

// TestGoBuild builds a program twice from two folders.
func TestGoBuild(t *testing.T) {
	var sums []string
	for range 2 {
		root := t.TempDir()
		if err := writeModule(root); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(root, "out", "x")
		if err := goBuild(root)(t.Context(), program{pkg: ".", system: "linux", arch: "arm64"}, file); err != nil {
			t.Fatal(err)
		}
		sum, err := digestOf(file)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	if sums[0] != sums[1] {
		t.Error("two builds of the same differ")
	}
	if err := goBuild(t.TempDir())(t.Context(), program{pkg: "./none", system: "linux", arch: "amd64"}, "x"); err == nil || !strings.Contains(err.Error(), "build ./none for linux/amd64") {
		t.Errorf("got %v", err)
	}
}
