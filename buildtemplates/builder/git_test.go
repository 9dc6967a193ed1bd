package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"
)

// fetching is one run of `builder fetch` from the command line on.
type fetching struct {
	status       int
	out, errors  string
	dir, commit  string
	commitExists bool
}

func runFetch(t *testing.T, args ...string) fetching {
	t.Helper()
	dir, result := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "COMMIT")
	var out, errs bytes.Buffer
	status := run(t.Context(), append([]string{"fetch", "--into=" + dir, "--result=COMMIT=" + result}, args...), &out, &errs)
	commit, err := os.ReadFile(result)
	return fetching{status, out.String(), errs.String(), dir, string(commit), err == nil}
}

// files are those of the source, by name, with their modes.
func (f fetching) files(t *testing.T) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(f.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(f.dir, name)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.Type()&os.ModeSymlink != 0 {
			got[rel], err = os.Readlink(name)
			return err
		}
		text, err := os.ReadFile(name)
		got[rel] = info.Mode().String()[:4] + " " + string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestFetchGit(t *testing.T) {
	repo := newGitRepo(t)
	first := repo.commit(map[string]string{"fn/main.go": "first"})
	repo.git("tag", "v1")
	repo.git("tag", "--annotate", "--message", "the one", "v1.0")
	repo.git("tag", "both")
	side := func() string {
		repo.git("checkout", "--quiet", "-b", "feature/side")
		defer repo.git("checkout", "--quiet", "main")
		return repo.commit(map[string]string{"fn/main.go": "side", "run.sh": "#!/bin/sh\n"})
	}()
	repo.git("branch", "both", side)
	latest := repo.commit(map[string]string{"fn/main.go": "latest"})
	if err := os.Symlink("fn/main.go", filepath.Join(repo.dir, "link")); err != nil {
		t.Fatal(err)
	}
	latest = repo.commit(map[string]string{"note": latest})
	address := repo.serve()

	cases := map[string]struct {
		reason, revision, commit string
		want                     map[string]string
	}{
		"Default":       {reason: "The default branch.", commit: latest},
		"Branch":        {reason: "A branch by name, with a slash.", revision: "feature/side", commit: side, want: map[string]string{"fn/main.go": "-rw- side", "run.sh": "-rwx #!/bin/sh\n"}},
		"Tag":           {reason: "A tag that is a name only.", revision: "v1", commit: first, want: map[string]string{"fn/main.go": "-rw- first"}},
		"AnnotatedTag":  {reason: "A tag that is an object: what counts is its commit.", revision: "v1.0", commit: first},
		"BranchAndTag":  {reason: "Of one name for both git takes the branch when it clones.", revision: "both", commit: side},
		"FullBranch":    {reason: "Names in full leave no doubt.", revision: "refs/heads/main", commit: latest},
		"FullTag":       {reason: "The same for tags.", revision: "refs/tags/both", commit: first},
		"TipCommit":     {reason: "A commit that is the end of a branch.", revision: side, commit: side},
		"InnerCommit":   {reason: "A commit in the middle, which few servers give alone.", revision: first, commit: first},
		"ShortenCommit": {reason: "Its beginning, as people copy it.", revision: first[:9], commit: first},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := runFetch(t, "--git-url="+address, "--git-revision="+tc.revision, "--path=fn")
			if got.status != 0 || got.commit != tc.commit {
				t.Fatalf("%s\nfetch ends with %d and commit %q, want %q\n%s%s", tc.reason, got.status, got.commit, tc.commit, got.out, got.errors)
			}
			if !strings.Contains(got.out, "Commit "+tc.commit) {
				t.Errorf("%s\nthe log does not tell the commit:\n%s", tc.reason, got.out)
			}
			if tc.want == nil {
				return
			}
			if diff := cmp.Diff(tc.want, got.files(t)); diff != "" {
				t.Errorf("%s\nfiles -want +got:\n%s", tc.reason, diff)
			}
		})
	}
	t.Run("Tree", func(t *testing.T) {
		got := runFetch(t, "--git-url="+address)
		want := map[string]string{"fn/main.go": "-rw- latest", "link": "fn/main.go", "note": got.files(t)["note"]}
		if diff := cmp.Diff(want, got.files(t)); diff != "" {
			t.Errorf("there is more or less than the commit has, such as .git: -want +got:\n%s", diff)
		}
	})
	t.Run("ExactCommitAlone", func(t *testing.T) {
		repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
		if got := runFetch(t, "--git-url="+address, "--git-revision="+first); got.status != 0 || got.commit != first {
			t.Errorf("fetch ends with %d and commit %q\n%s", got.status, got.commit, got.errors)
		}
	})
}

func TestFetchGitRefuses(t *testing.T) {
	repo := newGitRepo(t)
	repo.commit(map[string]string{"fn/main.go": "x"})
	address := repo.serve()
	empty := newGitRepo(t).serve()
	cases := map[string]struct {
		reason string
		args   []string
		status int
		want   string
	}{
		"NoBranch":     {reason: "A slip of the pen.", args: []string{"--git-url=" + address, "--git-revision=mian"}, status: 1, want: `no branch or tag "mian"`},
		"NoCommit":     {reason: "A commit of another repository.", args: []string{"--git-url=" + address, "--git-revision=0123456789012345678901234567890123456789"}, status: 1, want: "no branch, tag or commit"},
		"NoShort":      {reason: "The same, shortened.", args: []string{"--git-url=" + address, "--git-revision=0123456"}, status: 1, want: "no branch, tag or commit"},
		"NoFolder":     {reason: "The path is wrong; what is there helps.", args: []string{"--git-url=" + address, "--path=func"}, status: 1, want: `at the top there are "fn"`},
		"NoRepository": {reason: "The address is wrong.", args: []string{"--git-url=" + address + "x"}, status: 1, want: "correct the address"},
		"Empty":        {reason: "A repository without a commit.", args: []string{"--git-url=" + empty}, status: 1, want: "push a commit first"},
		"Refused":      {reason: "Nobody listens there.", args: []string{"--git-url=http://127.0.0.1:1/x"}, status: 75, want: "connection refused"},
		"File":         {reason: "Folders of the pod are no repositories.", args: []string{"--git-url=file://" + repo.dir}, status: 1, want: "git URL is none"},
		"Path":         {reason: "The same, without a scheme.", args: []string{"--git-url=" + repo.dir}, status: 1, want: "git URL is none"},
		"Git":          {reason: "A protocol without any protection.", args: []string{"--git-url=git://example.com/x"}, status: 1, want: "git URL is none"},
		"Password":     {reason: "Passwords belong into a Secret; and it is not repeated.", args: []string{"--git-url=https://me:hunter2@example.com/x"}, status: 1, want: "holds a password"},
		"Option":       {reason: "No program may take it for a flag.", args: []string{"--git-url=-oProxyCommand=x@h:y"}, status: 1, want: "git URL is none"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := runFetch(t, tc.args...)
			if got.status != tc.status || !strings.Contains(got.errors, tc.want) || !strings.HasPrefix(got.errors, "ERROR: ") {
				t.Errorf("%s\nfetch ends with %d and says %q, want %d and %q", tc.reason, got.status, got.errors, tc.status, tc.want)
			}
			if got.commitExists {
				t.Errorf("%s\nthere is a result", tc.reason)
			}
			if strings.Contains(got.out+got.errors, "hunter2") {
				t.Errorf("%s\nthe log has a password", tc.reason)
			}
		})
	}
}

// secret writes a Secret as it is mounted.
func secret(t *testing.T, keys map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range keys {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFetchGitWithPassword(t *testing.T) {
	repo := newGitRepo(t)
	commit := repo.commit(map[string]string{"f": "x"})
	server := httptest.NewServer(repo.locked("me", "hunter2"))
	t.Cleanup(server.Close)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, server.URL+req.URL.RequestURI(), http.StatusFound)
	}))
	t.Cleanup(elsewhere.Close)
	right := map[string]string{"username": "me", "password": "hunter2\n"}
	cases := map[string]struct {
		reason, address string
		keys            map[string]string
		want            string // in the error; empty if it works
	}{
		"Right":    {reason: "A line's end is no part of a password.", address: server.URL, keys: right},
		"Wrong":    {reason: "What to correct is named.", address: server.URL, keys: map[string]string{"username": "me", "password": "x"}, want: `Secret "login" in the namespace`},
		"None":     {reason: "The Secret is optional and may be missing.", address: server.URL, want: "kubernetes.io/basic-auth"},
		"Redirect": {reason: "Nobody else gets the password.", address: elsewhere.URL, keys: right, want: "redirect with credentials to another host"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := runFetch(t, "--git-url="+tc.address+"/fn.git", "--git-secret=login", "--git-credentials="+secret(t, tc.keys))
			if tc.want == "" {
				if got.status != 0 || got.commit != commit {
					t.Errorf("%s\nfetch ends with %d and says %q", tc.reason, got.status, got.errors)
				}
				return
			}
			if got.status != 1 || !strings.Contains(got.errors, tc.want) {
				t.Errorf("%s\nfetch ends with %d and says %q, want %q", tc.reason, got.status, got.errors, tc.want)
			}
			if strings.Contains(got.out+got.errors, "hunter2") {
				t.Errorf("%s\nthe log has the password", tc.reason)
			}
		})
	}
}

func TestFetchGitWithKey(t *testing.T) {
	repo := newGitRepo(t)
	commit := repo.commit(map[string]string{"f": "x"})
	private, signer := newKey(t)
	stranger, _ := newKey(t)
	address, known := repo.serveSSH(signer.PublicKey())
	_, other := newGitRepo(t).serveSSH(signer.PublicKey())
	other = strings.Replace(other, strings.Fields(other)[0], strings.Fields(known)[0], 1) // another server's key under this name
	cases := map[string]struct {
		reason string
		keys   map[string]string
		want   string // in the error; empty if it works
	}{
		"Right":    {reason: "Both know each other.", keys: map[string]string{"ssh-privatekey": private, "known_hosts": known}},
		"Stranger": {reason: "The server does not know the key.", keys: map[string]string{"ssh-privatekey": stranger, "known_hosts": known}, want: "unable to authenticate"},
		"NotKnown": {reason: "Anybody could be the server.", keys: map[string]string{"ssh-privatekey": private, "known_hosts": "example.com " + strings.SplitN(known, " ", 2)[1]}, want: "knownhosts: key is unknown"},
		"Other":    {reason: "Somebody is not who they say they are.", keys: map[string]string{"ssh-privatekey": private, "known_hosts": other}, want: "knownhosts: key mismatch"},
		"NoHosts":  {reason: "The way out is named.", keys: map[string]string{"ssh-privatekey": private}, want: "ssh-keyscan"},
		"NoKey":    {reason: "The way out is named.", keys: nil, want: "kubernetes.io/ssh-auth"},
		"BadKey":   {reason: "What is wrong with it is not repeated.", keys: map[string]string{"ssh-privatekey": "hunter2", "known_hosts": known}, want: "no private key"},
		"BadHosts": {reason: "A file of another kind.", keys: map[string]string{"ssh-privatekey": private, "known_hosts": "x"}, want: "known_hosts"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := runFetch(t, "--git-url=ssh://git@"+address+"/fn.git", "--git-secret=key", "--git-credentials="+secret(t, tc.keys))
			if tc.want == "" {
				if got.status != 0 || got.commit != commit {
					t.Errorf("%s\nfetch ends with %d and says %q", tc.reason, got.status, got.errors)
				}
				return
			}
			if got.status != 1 || !strings.Contains(got.errors, tc.want) || strings.Contains(got.errors, "hunter2") {
				t.Errorf("%s\nfetch ends with %d and says %q, want %q", tc.reason, got.status, got.errors, tc.want)
			}
		})
	}
}

func TestFetchGitWarns(t *testing.T) {
	repo := newGitRepo(t)
	repo.commit(map[string]string{".gitmodules": "[submodule \"x\"]\n", ".gitattributes": "*.bin filter=lfs\n", "f": "x"})
	got := runFetch(t, "--git-url="+repo.serve())
	for _, want := range []string{"WARNING: submodules are not fetched", "Git LFS"} {
		if got.status != 0 || !strings.Contains(got.out, want) {
			t.Errorf("fetch ends with %d and says:\n%s\nwant %q", got.status, got.out, want)
		}
	}
}

func TestChoose(t *testing.T) {
	hash := plumbing.NewHash("0123456789012345678901234567890123456789")
	refs := []*plumbing.Reference{
		plumbing.NewSymbolicReference("HEAD", "refs/heads/main"), plumbing.NewHashReference("refs/heads/main", hash),
		plumbing.NewHashReference("refs/heads/cafe123", hash), plumbing.NewHashReference("refs/tags/v1", hash), plumbing.NewHashReference("refs/pull/7/head", hash),
	}
	cases := map[string]struct {
		reason, revision string
		refs             []*plumbing.Reference
		want             config.RefSpec
		fault            bool
	}{
		"Default":   {reason: "No revision.", refs: refs, want: "+HEAD:refs/lambkin/fetched"},
		"Branch":    {reason: "A name.", revision: "main", refs: refs, want: "+refs/heads/main:refs/lambkin/fetched"},
		"HexBranch": {reason: "A branch may look like the beginning of a commit.", revision: "cafe123", refs: refs, want: "+refs/heads/cafe123:refs/lambkin/fetched"},
		"Tag":       {reason: "A name.", revision: "v1", refs: refs, want: "+refs/tags/v1:refs/lambkin/fetched"},
		"Full":      {reason: "Names that are neither branches nor tags.", revision: "refs/pull/7/head", refs: refs, want: "+refs/pull/7/head:refs/lambkin/fetched"},
		"Commit":    {reason: "A commit that no name stands for.", revision: "fedcba9876543210fedcba9876543210fedcba98", refs: refs, want: "fedcba9876543210fedcba9876543210fedcba98:refs/lambkin/fetched"},
		"Short":     {reason: "Nobody can be asked for half a commit.", revision: "fedcba9", refs: refs, want: ""},
		"TooShort":  {reason: "That could be anything.", revision: "fedcba", refs: refs, fault: true},
		"Empty":     {reason: "Nothing was pushed yet.", refs: nil, fault: true},
		"NoDefault": {reason: "HEAD may name a branch that is not there.", refs: refs[1:], fault: true},
		"Head":      {reason: "It is a name of the server, not of a branch.", revision: "HEAD", refs: refs, fault: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := choose(tc.revision, tc.refs)
			if got != tc.want || (err != nil) != tc.fault {
				t.Errorf("%s\nchoose: %q, %v, want %q", tc.reason, got, err, tc.want)
			}
		})
	}
}

// FuzzChoose holds that what is asked of a server is always one thing, under the name that it is looked for later.
func FuzzChoose(f *testing.F) {
	for _, s := range []string{"", "main", "refs/heads/main", "+x:y", "*", "refs/heads/*", "fedcba9876543210fedcba9876543210fedcba98", "a:b", "-x", "\x00"} {
		f.Add(s)
	}
	refs := []*plumbing.Reference{plumbing.NewSymbolicReference("HEAD", "refs/heads/main"), plumbing.NewHashReference("refs/heads/main", plumbing.ZeroHash)}
	f.Fuzz(func(t *testing.T, revision string) {
		spec, err := choose(revision, refs)
		if err != nil || spec == "" {
			return
		}
		if err := spec.Validate(); err != nil {
			t.Fatalf("choose(%q) = %q: %v", revision, spec, err)
		}
		if spec.IsWildcard() || spec.Dst("refs/heads/main") != fetched {
			t.Fatalf("choose(%q) = %q asks for more than one thing, or keeps it elsewhere", revision, spec)
		}
	})
}

func FuzzCheckGitURL(f *testing.F) {
	for _, s := range []string{"https://h/p", "ssh://git@h:22/p", "git@h:p", "file:///etc", "/etc", "-x@h:p", "https://u:p@h/", "://", "http://", "a@b", "/@0:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkGitURL(text) != nil {
			return
		}
		r := repository{url: text}
		if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "/") {
			t.Fatalf("%q passes", text)
		}
		if a := r.address(); a == "" {
			t.Fatalf("%q has no address", text)
		}
	})
}
