package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// TLSFiles are a certificate, with those that lead to its authority, and its key, as PEM files. They are read again when they
// change, so that whoever renews certificates need not know of us. Both empty means plain HTTP.
type TLSFiles struct {
	Cert, Key string
	// Addr is an address of its own for HTTPS, beside that for plain HTTP; if empty, HTTPS takes the place of HTTP. Files
	// that are not there yet are waited for if there is an Addr, and until then no connection to it comes about.
	Addr string
}

// certCheck is how old what is known of the files may be.
const certCheck = 10 * time.Second

// config is what a listener needs; nil for plain HTTP.
func (f TLSFiles) config(log *slog.Logger) (*tls.Config, error) {
	if f == (TLSFiles{}) {
		return nil, nil
	}
	if f.Cert == "" || f.Key == "" {
		return nil, errors.New("TLS needs a certificate and its key")
	}
	c := &certificate{files: f, log: log}
	if _, err := c.get(nil); err != nil {
		if f.Addr == "" || !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		log.Info("no HTTPS before there is a certificate", "file", f.Cert)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// certificate is the current one.
type certificate struct {
	files TLSFiles
	log   *slog.Logger

	mu      sync.Mutex
	checked time.Time
	changed [2]time.Time // of the files as they were read
	current *tls.Certificate
}

// get gives the certificate. If the files cannot be read any more, the one before holds on.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && time.Since(c.checked) < certCheck {
		return c.current, nil
	}
	c.checked = time.Now()
	if err := c.refresh(); err != nil {
		if c.current == nil {
			return nil, err
		}
		c.log.Error("the certificate cannot be read again; the one before holds on", "error", err)
	}
	return c.current, nil
}

func (c *certificate) refresh() error {
	var changed [2]time.Time
	for i, path := range []string{c.files.Cert, c.files.Key} {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("read the certificate: %w", err)
		}
		changed[i] = info.ModTime()
	}
	if c.current != nil && changed == c.changed {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("read the certificate %q with the key %q: %w", c.files.Cert, c.files.Key, err)
	}
	c.current, c.changed = &pair, changed
	c.log.LogAttrs(context.Background(), slog.LevelInfo, "certificate read", slog.Time("expires", pair.Leaf.NotAfter))
	return nil
}
