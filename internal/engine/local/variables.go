package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// maxValue is the largest value taken from a file; larger ones are no environment variables.
const maxValue = 128 << 10

// gatherVariables collects the function's environment: the host's, the configuration's, the function's own, and those
// whose values are in files; later ones win.
func (e *Engine) gatherVariables(d *draft) error {
	for _, v := range slices.Concat(hostVariables(), e.cfg.Environ) {
		d.env = setVariable(d.env, v)
	}
	if d.spec.Environment == nil {
		return nil
	}
	own := d.spec.Environment.Variables
	for _, name := range slices.Sorted(maps.Keys(own)) {
		d.env = setVariable(d.env, name+"="+own[name])
	}
	for _, from := range d.spec.Environment.VariablesFrom {
		value, err := e.valueOf(from)
		if err != nil {
			return err
		}
		d.env = setVariable(d.env, from.Name+"="+value)
	}
	return nil
}

// valueOf reads the file that a variable refers to. Messages name the file and never hold the value.
func (e *Engine) valueOf(v v1alpha1.VariableFrom) (string, error) {
	if ref := v.SecretKeyRef; ref != nil {
		value, err := e.readKey("secrets", ref, 0o077)
		if err != nil {
			return "", v1alpha1.Failf(v1alpha1.ReasonSecretNotFound, "variable %q: %v", v.Name, err)
		}
		return value, nil
	}
	if ref := v.ConfigMapKeyRef; ref != nil {
		value, err := e.readKey("configmaps", ref, 0o022)
		if err != nil {
			return "", v1alpha1.Failf(v1alpha1.ReasonConfigMapNotFound, "variable %q: %v", v.Name, err)
		}
		return value, nil
	}
	return "", v1alpha1.Failf(v1alpha1.ReasonConfigurationUnsupported, "variable %q refers to nothing", v.Name)
}

// readKey reads DATADIR/kind/name/key, which must be a file without the forbidden permissions.
func (e *Engine) readKey(kind string, ref *v1alpha1.KeyRef, forbidden fs.FileMode) (string, error) {
	rel := filepath.Join(kind, ref.Name, ref.Key)
	root, err := os.OpenRoot(filepath.Join(e.cfg.DataDir, kind))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no file %q in the data directory", rel)
	}
	if err != nil {
		return "", err
	}
	defer root.Close()
	f, err := root.Open(filepath.Join(ref.Name, ref.Key))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no file %q in the data directory", rel)
	}
	if err != nil {
		return "", fmt.Errorf("file %q cannot be read: %w", rel, err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("file %q cannot be read: %w", rel, err)
	}
	if !fi.Mode().IsRegular() || fi.Mode().Perm()&forbidden != 0 {
		return "", fmt.Errorf("file %q has mode %v, which lets others at it: use chmod %o", rel, fi.Mode(), 0o600)
	}
	value, err := io.ReadAll(io.LimitReader(f, maxValue+1))
	if err != nil {
		return "", fmt.Errorf("file %q cannot be read: %w", rel, err)
	}
	if len(value) > maxValue || slices.Contains(value, 0) {
		return "", fmt.Errorf("file %q is no value: it holds a NUL or more than %d bytes", rel, maxValue)
	}
	return string(value), nil
}
