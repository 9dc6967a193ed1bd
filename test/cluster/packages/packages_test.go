package packages

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serve gives registries as they are served, and the address of one of them.
func serve(t *testing.T, kind string) string {
	t.Helper()
	dir := t.TempDir()
	s := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, kind))))
	t.Cleanup(s.Close)
	if err := Write(dir, URLs{NPM: s.URL}); err != nil {
		t.Fatal(err)
	}
	return s.URL
}

// Lock files hold checksums, so whatever is built with, the same bytes must come out.
func TestSameBytesEachTime(t *testing.T) {
	want := map[string]string{
		"npm/-/lambkin-greeting-1.2.0.tgz":                   "538cfbb43685e4b5",
		"npm/-/lambkin-words-1.0.0.tgz":                      "7559b85f15974fb6",
		"pip/wheels/lambkin_greeting-1.2.0-py3-none-any.whl": "e8ea780a59d11646",
		"pip/wheels/lambkin_words-1.0.0-py3-none-any.whl":    "40d605d9ccabfff1",
		"gem/gems/lambkin-greeting-1.2.0.gem":                "fb4d5ca67a8a27a9",
		"gem/gems/lambkin-words-1.0.0.gem":                   "8754b14f98134f16",
	}
	dir := t.TempDir()
	if err := Write(dir, URLs{NPM: "http://npm.test"}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name := range want {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		got[name] = hex.EncodeToString(sum[:8])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checksums changed, and with them every lock file (-want +got):\n%s", diff)
	}
}

func TestNPMIndex(t *testing.T) {
	tree, err := npm("http://npm.test", npmPackages())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range npmPackages() {
		var index struct {
			Name     string
			DistTags map[string]string `json:"dist-tags"`
			Versions map[string]struct {
				Dependencies map[string]string
				Dist         struct{ Tarball, Integrity string }
			}
		}
		if err := json.Unmarshal(tree[p.Name], &index); err != nil {
			t.Fatalf("index of %q: %v", p.Name, err)
		}
		v := index.Versions[index.DistTags["latest"]]
		path, ok := strings.CutPrefix(v.Dist.Tarball, "http://npm.test/")
		sum := sha512.Sum512(tree[path])
		if !ok || v.Dist.Integrity != "sha512-"+base64.StdEncoding.EncodeToString(sum[:]) {
			t.Errorf("%q: the index says %q at %q, which is something else", p.Name, v.Dist.Integrity, v.Dist.Tarball)
		}
		if diff := cmp.Diff(p.Requires, slices.Collect(maps.Keys(v.Dependencies))); diff != "" {
			t.Errorf("%q: dependencies (-want +got):\n%s", p.Name, diff)
		}
		if names := tarNames(t, gunzip(t, tree[path])); !slices.Contains(names, "package/package.json") || !slices.Contains(names, "package/index.js") {
			t.Errorf("%q: archive has %v", p.Name, names)
		}
	}
}

func TestWheelsRecordThemselves(t *testing.T) {
	for _, p := range pipPackages() {
		name, data, err := wheel(p)
		if err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		files := map[string][]byte{}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if files[f.Name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		stem := strings.TrimSuffix(name, "-py3-none-any.whl")
		record := string(files[stem+".dist-info/RECORD"])
		for name, data := range files {
			sum := sha256.Sum256(data)
			line := name + ",sha256=" + base64.RawURLEncoding.EncodeToString(sum[:])
			if !strings.HasSuffix(name, "RECORD") && !strings.Contains(record, line) {
				t.Errorf("%q: RECORD lacks %q", name, line)
			}
		}
	}
}

func TestCompactIndex(t *testing.T) {
	tree, err := gems(gemPackages())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range gemPackages() {
		gem := tree["gems/"+p.Name+"-"+p.Version+".gem"]
		sum := sha256.Sum256(gem)
		info := string(tree["info/"+p.Name])
		if !strings.Contains(info, "checksum:"+hex.EncodeToString(sum[:])) {
			t.Errorf("info of %q has another checksum: %q", p.Name, info)
		}
		if !strings.Contains(string(tree["versions"]), p.Name+" "+p.Version+" ") {
			t.Errorf("versions lack %q", p.Name)
		}
		if diff := cmp.Diff([]string{"metadata.gz", "data.tar.gz", "checksums.yaml.gz"}, tarNames(t, gem)); diff != "" {
			t.Errorf("%q: parts (-want +got):\n%s", p.Name, diff)
		}
	}
}

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tarNames(t *testing.T, data []byte) []string {
	t.Helper()
	var names []string
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

// client runs a real package manager, with a folder of its own as its home.
func client(t *testing.T, dir string, env []string, argv ...string) string {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skipf("%s is not installed", argv[0])
	}
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append([]string{"HOME=" + dir}, env...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}

func TestNPMInstalls(t *testing.T) {
	registry, dir := serve(t, "npm"), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"dependencies": {"lambkin-greeting": "^1.0.0"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	env := []string{"NPM_CONFIG_REGISTRY=" + registry, "NPM_CONFIG_UPDATE_NOTIFIER=false"}
	client(t, dir, env, "npm", "install", "--no-audit", "--no-fund")
	client(t, dir, env, "npm", "ci", "--no-audit", "--no-fund")
	if got := client(t, dir, nil, "node", "-p", "require('lambkin-greeting')('you')"); strings.TrimSpace(got) != "Hello, you" {
		t.Errorf("what was installed says %q", got)
	}
}

func TestPipInstalls(t *testing.T) {
	index, dir := serve(t, "pip"), t.TempDir()
	if exec.CommandContext(t.Context(), "python3", "-m", "pip", "--version").Run() != nil {
		t.Skip("python3 with pip is not installed")
	}
	env := []string{"PIP_INDEX_URL=" + index + "/simple/", "PIP_NO_CACHE_DIR=1", "PIP_FIND_LINKS="}
	client(t, dir, env, "python3", "-m", "pip", "install", "--quiet", "--target", dir, "lambkin-greeting")
	got := client(t, dir, nil, "python3", "-c", "import lambkin_greeting; print(lambkin_greeting.greet('you'))")
	if strings.TrimSpace(got) != "Hello, you" {
		t.Errorf("what was installed says %q", got)
	}
}

func TestBundlerInstalls(t *testing.T) {
	source, dir := serve(t, "gem"), t.TempDir()
	gemfile := "source '" + source + "'\ngem 'lambkin-greeting'\n"
	if err := os.WriteFile(filepath.Join(dir, "Gemfile"), []byte(gemfile), 0o644); err != nil {
		t.Fatal(err)
	}
	env := []string{"BUNDLE_PATH=vendor", "BUNDLE_SILENCE_ROOT_WARNING=1"}
	client(t, dir, env, "bundle", "install", "--quiet")
	got := client(t, dir, env, "bundle", "exec", "ruby", "-e", "require 'lambkin/greeting'; puts Lambkin.greet('you')")
	if strings.TrimSpace(got) != "Hello, you" {
		t.Errorf("what was installed says %q", got)
	}
}
