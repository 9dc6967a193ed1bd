package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/lambkin-dev/lambkin/buildtemplates/image"
	"github.com/lambkin-dev/lambkin/buildtemplates/source"
)

// maxArchive is the most bytes of an archive as it is fetched.
const maxArchive = 1 << 30

// fetch is what `builder fetch` is asked for.
type fetch struct {
	git                       repository
	archiveURL, archiveSHA256 string
	upload, artifact, store   string
	path, into                string
	registryFlags             registryFlags
	results                   results
	out                       io.Writer
}

const aboutFetch = `Put source code into a folder, which must be empty or not there, from one of four places.

A git repository is read without its history. Submodules are not fetched, and files kept by Git LFS are pointers; a
warning says so. Archives are zips or tars, plain or gzipped; links that lead out of them, devices and the like are
refused. Results: COMMIT is the commit, or sha256:… of the archive or artifact.`

func fetchCommand(ctx context.Context, args []string, out io.Writer) error {
	c := fetch{results: results{}, out: out}
	f := newFlags("fetch", aboutFetch, out)
	f.StringVar(&c.git.url, "git-url", "", "git repository: an https, http or ssh `URL`, or USER@HOST:PATH")
	f.StringVar(&c.git.revision, "git-revision", "", "`branch`, tag or commit; the default branch if empty")
	f.StringVar(&c.git.credentials, "git-credentials", "", "`folder` with the keys of a Secret of type kubernetes.io/basic-auth (username, password) or kubernetes.io/ssh-auth (ssh-privatekey, known_hosts); it may be empty")
	f.StringVar(&c.git.secret, "git-secret", "", "`name` of that Secret, for messages")
	f.StringVar(&c.archiveURL, "archive-url", "", "https or http `URL` of an archive")
	f.StringVar(&c.archiveSHA256, "archive-sha256", "", "`digest` that the archive must have, in hex; not checked if empty")
	f.StringVar(&c.upload, "upload", "", "`SHA256:SIZE` of an archive in the code store")
	f.StringVar(&c.artifact, "artifact", "", "`reference` of an OCI artifact whose one layer is an archive")
	f.StringVar(&c.store, "store", "", "`PREFIX/NAMESPACE` of the code store")
	f.StringVar(&c.path, "path", "", "`folder` that must be in what was fetched")
	f.StringVar(&c.into, "into", "", "`folder` to put it into")
	f.Var(c.results, "result", "`NAME=FILE` to write a result to; may be repeated")
	c.registryFlags.add(f)
	if err := parse(f, args, false); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return usageError{err}
	}
	return c.run(ctx)
}

// check finds what is missing or too much.
func (c *fetch) check() error {
	var places []string
	for _, p := range [][2]string{{"--git-url", c.git.url}, {"--archive-url", c.archiveURL}, {"--upload", c.upload}, {"--artifact", c.artifact}} {
		if p[1] != "" {
			places = append(places, p[0])
		}
	}
	switch {
	case len(places) == 0:
		return errors.New("no source: give one of --git-url, --archive-url, --upload and --artifact")
	case len(places) > 1:
		return fmt.Errorf("several sources, %s: give one", strings.Join(places, " and "))
	case c.into == "":
		return errors.New("--into is missing")
	case c.upload != "" && c.store == "":
		return errors.New("--upload needs --store")
	}
	return nil
}

func (c *fetch) run(ctx context.Context) error {
	if err := makeEmpty(c.into); err != nil {
		return err
	}
	revision, err := c.fetch(ctx)
	if err != nil {
		return err
	}
	if _, err := source.Folder(c.into, c.path); err != nil {
		return err
	}
	return c.results.write("COMMIT", revision)
}

// makeEmpty makes the folder and refuses one that has something in it.
func makeEmpty(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make a place for the source: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot make a place for the source: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("folder %q is not empty", dir)
	}
	return nil
}

func (c *fetch) fetch(ctx context.Context) (revision string, err error) {
	switch {
	case c.git.url != "":
		web, err := webClient(c.registryFlags.caFile)
		if err != nil {
			return "", err
		}
		speakGit(web)
		return c.git.clone(ctx, c.into, c.out)
	case c.archiveURL != "":
		return c.fromURL(ctx)
	case c.upload != "":
		return c.fromStore(ctx)
	default:
		return c.fromArtifact(ctx)
	}
}

func (c *fetch) fromURL(ctx context.Context) (string, error) {
	fmt.Fprintf(c.out, "Fetching %s\n", redacted(c.archiveURL))
	web, err := webClient(c.registryFlags.caFile)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.archiveURL, nil)
	if err != nil || (req.URL.Scheme != "https" && req.URL.Scheme != "http") || req.URL.Host == "" {
		return "", fmt.Errorf("cannot fetch %s: it is not an https or http URL", redacted(c.archiveURL))
	}
	resp, err := web.Do(req)
	if err != nil {
		return "", fmt.Errorf("cannot fetch %s: %w", redacted(c.archiveURL), withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("cannot fetch %s: %w", redacted(c.archiveURL), &statusError{resp.StatusCode, resp.Status})
	}
	return c.unpack(resp.Body, strings.ToLower(c.archiveSHA256))
}

func (c *fetch) fromStore(ctx context.Context) (string, error) {
	blob, err := parseStored(c.upload)
	if err != nil {
		return "", usageError{err}
	}
	registry, err := c.registryFlags.registry()
	if err != nil {
		return "", err
	}
	fmt.Fprintf(c.out, "Fetching upload sha256:%s\n", blob.sha256)
	store := image.Store{Registry: registry, Prefix: c.store}
	content, err := store.Open(ctx, blob.sha256, blob.size)
	if err != nil {
		return "", fmt.Errorf("cannot fetch upload: %w", err)
	}
	defer content.Close()
	return c.unpack(content, blob.sha256)
}

func (c *fetch) fromArtifact(ctx context.Context) (string, error) {
	registry, err := c.registryFlags.registry()
	if err != nil {
		return "", err
	}
	fmt.Fprintf(c.out, "Fetching artifact %s\n", c.artifact)
	content, err := registry.Artifact(ctx, c.artifact)
	if err != nil {
		return "", err
	}
	defer content.Close()
	if _, err := c.unpack(content, ""); err != nil {
		return "", err
	}
	fmt.Fprintf(c.out, "It is %s\n", content.Reference)
	_, digest, _ := strings.Cut(content.Reference, "@")
	return digest, nil
}

// unpack puts an archive on the disk, compares its digest if one is wanted, and only then looks into it.
func (c *fetch) unpack(r io.Reader, want string) (string, error) {
	f, err := os.CreateTemp("", "lambkin-source-")
	if err != nil {
		return "", fmt.Errorf("cannot keep archive: %w", err)
	}
	defer func() {
		f.Close()
		_ = os.Remove(f.Name()) // the pod's disk goes with the pod
	}()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(r, maxArchive+1))
	if err != nil {
		return "", fmt.Errorf("cannot fetch archive: %w", err)
	}
	got := hex.EncodeToString(hash.Sum(nil))
	switch {
	case n > maxArchive:
		return "", fmt.Errorf("archive has more than %d bytes", int64(maxArchive))
	case want != "" && got != want:
		return "", fmt.Errorf("archive has digest %s and not %s: somebody changed it, or the digest is one of another file", got, want)
	}
	size, err := source.Unpack(f, c.into, source.Limits())
	if err != nil {
		return "", err
	}
	fmt.Fprintf(c.out, "sha256:%s, %d bytes, %d unpacked\n", got, n, size)
	return "sha256:" + got, nil
}
