package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/memory"
)

// repository is a place in a git repository.
type repository struct {
	url, revision string
	credentials   string // folder with the keys of a Secret
	secret        string // its name
}

// speakGit limits git to the protocols that are allowed, and http to our client. It is for the beginning of a process:
// go-git keeps the table for all.
func speakGit(web *http.Client) {
	overHTTP := githttp.NewClient(web)
	client.InstallProtocol("https", overHTTP)
	client.InstallProtocol("http", overHTTP)
	client.InstallProtocol("git", nil)
	client.InstallProtocol("file", nil)
}

// fetched is what the commit is called in the repository on this disk, which nobody else sees.
const fetched = plumbing.ReferenceName("refs/lambkin/fetched")

// clone puts the files of the revision into dir, without a .git, and gives the commit.
func (r *repository) clone(ctx context.Context, dir string, out io.Writer) (string, error) {
	if err := checkGitURL(r.url); err != nil {
		return "", err
	}
	auth, err := r.auth()
	if err != nil {
		return "", err
	}
	fmt.Fprintf(out, "Cloning %s\n", r.address())
	meta, err := os.MkdirTemp("", "lambkin-git-")
	if err != nil {
		return "", fmt.Errorf("cannot clone: %w", err)
	}
	defer func() { _ = os.RemoveAll(meta) }() // the pod's disk goes with the pod
	objects := filesystem.NewStorage(osfs.New(meta), cache.NewObjectLRUDefault())
	local, err := git.Init(objects, osfs.New(dir, osfs.WithBoundOS()))
	if err != nil {
		return "", fmt.Errorf("cannot clone: %w", err)
	}
	commit, err := r.fetch(ctx, local, auth)
	if err != nil {
		return "", err
	}
	tree, err := local.Worktree()
	if err == nil {
		err = tree.Checkout(&git.CheckoutOptions{Hash: commit, Force: true})
	}
	if err == nil {
		err = os.RemoveAll(filepath.Join(dir, ".git")) // a file that says where the rest is
	}
	if err != nil {
		return "", fmt.Errorf("cannot check out commit %s of %s: %w", commit, r.address(), err)
	}
	fmt.Fprintf(out, "Commit %s\n", commit)
	warn(dir, out)
	return commit.String(), nil
}

// fetch brings the commit to this disk: alone if the server allows that, or with everything.
func (r *repository) fetch(ctx context.Context, local *git.Repository, auth transport.AuthMethod) (plumbing.Hash, error) {
	remote := git.NewRemote(memory.NewStorage(), &config.RemoteConfig{Name: "origin", URLs: []string{r.url}})
	refs, err := remote.ListContext(ctx, &git.ListOptions{Auth: auth})
	if err != nil {
		return plumbing.ZeroHash, r.explain(err)
	}
	spec, err := choose(r.revision, refs)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%s: %w", r.address(), err)
	}
	origin, err := local.CreateRemote(&config.RemoteConfig{Name: "origin", URLs: []string{r.url}})
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("cannot clone %s: %w", r.address(), err)
	}
	if spec != "" {
		err := origin.FetchContext(ctx, &git.FetchOptions{RefSpecs: []config.RefSpec{spec}, Depth: 1, Tags: git.NoTags, Auth: auth})
		if err == nil {
			return resolve(local, plumbing.Revision(fetched))
		}
		if !spec.IsExactSHA1() || ctx.Err() != nil {
			return plumbing.ZeroHash, r.explain(err)
		}
	}
	all := []config.RefSpec{"+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"}
	if err := origin.FetchContext(ctx, &git.FetchOptions{RefSpecs: all, Tags: git.NoTags, Auth: auth}); err != nil {
		return plumbing.ZeroHash, r.explain(err)
	}
	commit, err := resolve(local, plumbing.Revision(r.revision))
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%s has no branch, tag or commit %q", r.address(), r.revision)
	}
	return commit, nil
}

// resolve finds a commit, behind a tag too.
func resolve(local *git.Repository, revision plumbing.Revision) (plumbing.Hash, error) {
	hash, err := local.ResolveRevision(revision)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("cannot find commit %q: %w", revision, err)
	}
	if tag, err := local.TagObject(*hash); err == nil {
		commit, err := tag.Commit()
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("tag %q is not one of a commit: %w", tag.Name, err)
		}
		return commit.Hash, nil
	}
	return *hash, nil
}

// shortest is how many digits an abbreviated commit has at least.
const shortest = 7

// choose says what to fetch for a revision, given what the server has: the branch or tag of that name, or the commit. It
// is empty for the beginning of a commit's digits, which the server cannot be asked for.
func choose(revision string, refs []*plumbing.Reference) (config.RefSpec, error) {
	if len(refs) == 0 {
		return "", errors.New("the repository is empty: push a commit first")
	}
	named := func(name string) bool {
		return slices.ContainsFunc(refs, func(ref *plumbing.Reference) bool { return ref.Name().String() == name })
	}
	if revision == "" {
		if !named("HEAD") {
			return "", errors.New("the repository has no default branch: name a branch, tag or commit")
		}
		return config.RefSpec("+HEAD:" + fetched), nil
	}
	for _, prefix := range []string{"refs/heads/", "refs/tags/", ""} {
		if name := prefix + revision; named(name) && strings.HasPrefix(name, "refs/") {
			return config.RefSpec("+" + name + ":" + fetched.String()), nil
		}
	}
	hex := strings.Trim(revision, "0123456789abcdef") == ""
	switch {
	case hex && len(revision) == len(plumbing.ZeroHash)*2:
		return config.RefSpec(revision + ":" + fetched.String()), nil
	case hex && len(revision) >= shortest:
		return "", nil
	default:
		return "", fmt.Errorf("there is no branch or tag %.256q, and it is no commit", revision)
	}
}

// address is the URL for people.
func (r *repository) address() string {
	if u, err := url.Parse(r.url); err == nil && u.Host != "" {
		return redacted(r.url)
	}
	return r.url
}

// scpForm is how people write addresses for ssh.
var scpForm = regexp.MustCompile(`^\w[\w.-]*@\w[\w.-]*:[^\s]+$`)

var errNoGitURL = errors.New("git URL is none: write https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH")

// checkGitURL lets only URLs pass that lead to a server, and carry no password.
func checkGitURL(text string) error {
	if !strings.Contains(text, "://") {
		if !scpForm.MatchString(text) {
			return errNoGitURL
		}
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains([]string{"https", "http", "ssh"}, u.Scheme) {
		return errNoGitURL
	}
	if _, has := u.User.Password(); has {
		return fmt.Errorf("git URL of %s holds a password: put it into a Secret of type kubernetes.io/basic-auth", u.Host)
	}
	return nil
}

// warn tells what is not in the folder although the repository has it.
func warn(dir string, out io.Writer) {
	if exists(filepath.Join(dir, ".gitmodules")) {
		fmt.Fprintln(out, "WARNING: submodules are not fetched; vendor what the function needs")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return
	}
	defer root.Close()
	if text, err := root.ReadFile(".gitattributes"); err == nil && strings.Contains(string(text), "filter=lfs") {
		fmt.Fprintln(out, "WARNING: files kept by Git LFS are not fetched, only their pointers")
	}
}
