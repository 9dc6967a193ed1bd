package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// TestRights holds that the controller may do nothing that it does not need: no wildcards, nobody else's role, no Secrets but
// by name in a role that can be left out.
func TestRights(t *testing.T) {
	files, err := filepath.Glob("../config/rbac/*.yaml")
	if err != nil || len(files) != 2 {
		t.Fatalf("found %v, %v", files, err)
	}
	roles := make(map[string]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for doc := range strings.SplitSeq(string(text), "\n---\n") {
			var role rbacv1.ClusterRole // a Role is alike
			var binding rbacv1.ClusterRoleBinding
			if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(doc), &binding); err != nil {
				t.Fatal(err)
			}
			checkRules(t, file, role)
			roles[role.Kind+" "+role.Name] = true
			if name := binding.RoleRef.Name; name != "" && !roles[binding.RoleRef.Kind+" "+name] {
				t.Errorf("%s binds %q, which is not among our roles", file, name)
			}
		}
	}
}

func checkRules(t *testing.T, file string, role rbacv1.ClusterRole) {
	t.Helper()
	if role.AggregationRule != nil || slices.ContainsFunc(slices.Collect(maps.Keys(role.Labels)), func(k string) bool { return strings.Contains(k, "aggregate-to") }) {
		t.Errorf("%s: role %q grows with others", file, role.Name)
	}
	for _, rule := range role.Rules {
		if all := slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.ResourceNames); slices.Contains(all, "*") || len(rule.NonResourceURLs) > 0 {
			t.Errorf("%s: %+v is for more than it names", file, rule)
		}
		for _, verb := range []string{"escalate", "bind", "impersonate", "deletecollection"} {
			if slices.Contains(rule.Verbs, verb) {
				t.Errorf("%s: nobody needs to %s: %+v", file, verb, rule)
			}
		}
		if slices.Contains(rule.Resources, "secrets") && (role.Name != "lambkin-controller-pull-secrets" || !slices.Equal(rule.Verbs, []string{"get"})) {
			t.Errorf("%s: Secrets can be seen: %+v", file, rule)
		}
		if slices.Contains(rule.Resources, "configmaps") && len(rule.ResourceNames) == 0 {
			t.Errorf("%s: all ConfigMaps can be seen: %+v", file, rule)
		}
	}
}
