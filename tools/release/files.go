package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// certificatesPlace is where Go and most others look for certificate authorities.
const certificatesPlace = "/etc/ssl/certs/ca-certificates.crt"

// systemCertificates are where distributions keep theirs.
func systemCertificates() []string {
	return []string{
		certificatesPlace,                    // Debian, Alpine, Arch
		"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, Red Hat
		"/etc/ssl/ca-bundle.pem",             // openSUSE
		"/etc/ssl/cert.pem",                  // macOS, BSDs
		"/etc/pki/tls/certs/ca-certificates", // others
	}
}

// writeSystem makes the few files of a system that static programs look for.
func writeSystem(dir, certificates string) error {
	authorities, err := readCertificates(certificates)
	if err != nil {
		return err
	}
	files := map[string]string{
		certificatesPlace: authorities,
		"/etc/passwd":     "root:x:0:0:root:/:/none\nnobody:x:65532:65532:nobody:/tmp:/none\n",
		"/etc/group":      "root:x:0:\nnobody:x:65532:\n",
	}
	for place, text := range files {
		if err := writeFile(filepath.Join(dir, place), []byte(text)); err != nil {
			return err
		}
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	return os.Chmod(tmp, 0o777|os.ModeSticky) // whatever the umask is
}

func readCertificates(given string) (string, error) {
	candidates := systemCertificates()
	if given != "" {
		candidates = []string{given}
	}
	for _, path := range candidates {
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), "-----BEGIN CERTIFICATE-----") {
			return string(text), nil
		}
	}
	return "", fmt.Errorf("no certificate authorities in %s: install ca-certificates, or give -certificates FILE", strings.Join(candidates, ", "))
}

// writeFile writes a file and the folders above it.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644) //nolint:gosec // what is released is for everybody
}

// checksums is the file with the digests of all others, as sha256sum -c reads it.
const checksums = "SHA256SUMS"

// writeChecksums lists the files of a release. Layouts of images name their files by digest already.
func writeChecksums(dir string) error {
	var list strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == filepath.Join(dir, "images"):
			return fs.SkipDir
		case d.IsDir() || path == filepath.Join(dir, checksums):
			return nil
		}
		sum, err := digestOf(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		fmt.Fprintf(&list, "%s  %s\n", sum, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, checksums), []byte(list.String()))
}

// digestOf is the SHA-256 of a file in hex.
func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
