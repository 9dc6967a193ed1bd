package platform

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	cases := map[string]struct {
		reason string
		data   map[string]string
		want   func(*Config)
	}{
		"Nothing":  {reason: "everything has a default"},
		"Release":  {reason: "our images", data: map[string]string{ReleaseKey: "images: {runtime: r, builder: b}"}, want: func(c *Config) { c.Images = Images{"r", "b"} }},
		"Operator": {reason: "as Parse", data: map[string]string{Key: "registry: {prefix: r/p}"}, want: func(c *Config) { c.Registry.Prefix = "r/p" }},
		"Both": {reason: "the operator goes before, member by member", data: map[string]string{
			ReleaseKey: "images: {runtime: r, builder: b}", Key: "images: {builder: mine}\nregistry: {prefix: r/p}"},
			want: func(c *Config) { c.Images, c.Registry.Prefix = Images{"r", "mine"}, "r/p" }},
		"Others": {reason: "examples are for people", data: map[string]string{"_example": "- nothing of ours"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := Default()
			if tc.want != nil {
				tc.want(&want)
			}
			got, err := Read(tc.data)
			if d := cmp.Diff(want, got); err != nil || d != "" {
				t.Errorf("%s: %v (-want +got):\n%s", tc.reason, err, d)
			}
		})
	}
}

func TestReadNamesTheKey(t *testing.T) {
	for key, data := range map[string]map[string]string{
		ReleaseKey:        {ReleaseKey: "image: {}", Key: "registry: {}"},
		Key:               {ReleaseKey: "images: {}", Key: "registri: {}"},
		"registry.prefix": {Key: "registry: {prefix: https://r}"},
	} {
		if _, err := Read(data); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%v: got %v, want it to name %s", data, err, key)
		}
	}
}
