package platform

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/lambkin-dev/lambkin/buildtemplates"
)

// CAConfigMap holds, in namespaces that build, the certificate authorities of a registry with private ones.
const CAConfigMap = "lambkin-registry-ca"

// BuildSettings are what the operator decides about builds, as the makers of builds take it.
func (c *Config) BuildSettings() (buildtemplates.Settings, error) {
	s := buildtemplates.Settings{
		Builder: c.Images.Builder, Runtime: c.Images.Runtime, ServiceAccountName: c.Build.ServiceAccountName,
		Timeout: c.Build.Timeout.Duration, CacheClaim: c.Build.CacheClaim, Env: c.Build.Env,
		PushSecret: c.Registry.PushSecret, PlainHTTP: c.Registry.PlainHTTP,
	}
	if c.Registry.CAFile != "" {
		s.CAConfigMap = CAConfigMap
	}
	for _, q := range []struct {
		name, text string
		to         *resource.Quantity
	}{{"cpu", c.Build.CPU, &s.CPU}, {"memory", c.Build.Memory, &s.Memory}, {"disk", c.Build.Disk, &s.Disk}} {
		if q.text == "" {
			continue
		}
		quantity, err := resource.ParseQuantity(q.text)
		if err != nil {
			return s, fmt.Errorf("build.%s in %s of ConfigMap %s/%s is %q: %w", q.name, Key, Namespace, ConfigMap, q.text, err)
		}
		*q.to = quantity
	}
	return s, nil
}
