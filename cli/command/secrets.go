package command

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// splitSecrets takes whole Secrets, as tm had them, from among the variables.
func (s *settingsFlags) splitSecrets() {
	for _, ref := range s.envSecret {
		if !strings.Contains(ref, "=") {
			s.wholeSecrets = append(s.wholeSecrets, ref)
		}
	}
	s.envSecret = slices.DeleteFunc(s.envSecret, func(ref string) bool { return !strings.Contains(ref, "=") })
}

// variableName is what the Lambda API takes for the name of a variable.
var variableName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// takeSecrets makes a variable of each key that Secrets have now. A variable that is there already stays.
func (a *App) takeSecrets(ctx context.Context, fn *v1alpha1.Function, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if !a.onCluster() {
		return fmt.Errorf("env-secrets %s: whole secrets are not taken on one machine; name each key in spec.environment.variablesFrom of a function.yaml",
			strings.Join(names, ", "))
	}
	c, err := a.cluster()
	if err != nil {
		return err
	}
	env := orNew(fn.Spec.Environment)
	for _, secret := range names {
		keys, err := c.SecretKeys(ctx, secret)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if !variableName.MatchString(key) {
				a.IO.Notef("%s: key %q of secret %q is left out: it is no name of a variable", lambdaName(fn), key, secret)
				continue
			}
			if !has(env, key) {
				from := &v1alpha1.KeyRef{Name: secret, Key: key}
				env.VariablesFrom = append(env.VariablesFrom, v1alpha1.VariableFrom{Name: key, SecretKeyRef: from})
			}
		}
	}
	fn.Spec.Environment = env
	return nil
}

// has reports whether a variable is given.
func has(env *v1alpha1.Environment, name string) bool {
	_, given := env.Variables[name]
	return given || slices.ContainsFunc(env.VariablesFrom, func(v v1alpha1.VariableFrom) bool { return v.Name == name })
}
