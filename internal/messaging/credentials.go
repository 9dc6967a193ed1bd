package messaging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Variables are the names of credentials in an environment, a Secret or a folder, as AWS's tools know them.
const (
	VariableKeyID  = "AWS_ACCESS_KEY_ID"
	VariableSecret = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // a name
	VariableToken  = "AWS_SESSION_TOKEN"
)

// CredentialsFrom takes credentials from an environment.
func CredentialsFrom(getenv func(name string) string) Credentials {
	value := func(name string) string { return strings.TrimSpace(getenv(name)) }
	return Credentials{AccessKeyID: value(VariableKeyID), SecretAccessKey: value(VariableSecret), SessionToken: value(VariableToken)}
}

// CredentialsIn reads credentials from the files of a folder, which is how a pod sees a Secret, each time anew, because they
// may be replaced. What is not there is empty.
func CredentialsIn(folder string) func() (Credentials, error) {
	return func() (Credentials, error) {
		var failed error
		c := CredentialsFrom(func(name string) string {
			raw, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = fmt.Errorf("cannot read credentials: %w", err)
			}
			return string(raw)
		})
		return c, failed
	}
}
