package platform

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// ReleaseKey is a further key of the ConfigMap. Its value has the form of that of [Key] and is the release's: it names
// our own images. A new release replaces it and leaves Key, which is the operator's, as it is.
const ReleaseKey = "release.yaml"

// Read reads the data of the ConfigMap: what the release says, and over it what the operator says. Both may be missing.
func Read(data map[string]string) (Config, error) {
	c := Default()
	for _, key := range []string{ReleaseKey, Key} {
		if err := yaml.UnmarshalStrict([]byte(data[key]), &c); err != nil {
			return Config{}, fmt.Errorf("%s of ConfigMap %s/%s: %w", key, Namespace, ConfigMap, err)
		}
	}
	return c, c.check()
}
