package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/test/cluster/files"
	"github.com/lambkin-dev/lambkin/test/cluster/layout"
	"github.com/lambkin-dev/lambkin/test/cluster/registry"
)

// serveRegistry is the node's process that serves images.
func serveRegistry(ctx context.Context, c cli, _ []string) error {
	r, err := registry.Open(c.cluster.Path("registry"), slog.New(slog.NewTextHandler(c.errOut, nil)))
	if err != nil {
		return err
	}
	return errors.Join(serve(ctx, layout.RegistryPort, r), r.Close())
}

// serveFiles is the node's process that serves modules, packages and repositories.
func serveFiles(ctx context.Context, c cli, _ []string) error {
	modules, err := os.ReadFile(c.cluster.Path("modules"))
	if err != nil {
		return err
	}
	h, err := files.Handler(files.Folders{
		Modules: strings.TrimSpace(string(modules)),
		Git:     c.cluster.Path("git"),
		NPM:     c.cluster.Path("packages", "npm"),
		Pip:     c.cluster.Path("packages", "pip"),
		Gem:     c.cluster.Path("packages", "gem"),
	})
	if err != nil {
		return err
	}
	return serve(ctx, layout.FilesPort, h)
}

func serve(ctx context.Context, port string, h http.Handler) error {
	s := &http.Server{Addr: net.JoinHostPort(layout.NodeIP, port), Handler: h, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // those who still wait come again
	defer stop()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %q: %w", s.Addr, err)
	}
	return nil
}
