package install

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/platform"
)

func TestMerge(t *testing.T) {
	cases := map[string]struct {
		reason, own string
		s           Settings
		want        string
	}{
		"Nothing":  {"no settings, no change", "", Settings{}, ""},
		"New":      {"", "", Settings{Registry: "r.example/x"}, "registry:\n  prefix: r.example/x\n"},
		"Same":     {"byte for byte, whatever the form", "registry: {prefix: r.example/x} # mine\n", Settings{Registry: "r.example/x"}, "registry: {prefix: r.example/x} # mine\n"},
		"Comments": {"what the operator wrote stays, words too", "# ours\nregistry:\n  prefix: old/x # moved soon\nscaling:\n  maxScale: 7\n", Settings{Registry: "new/y"}, "# ours\nregistry:\n  prefix: new/y # moved soon\nscaling:\n  maxScale: 7\n"},
		"Null":     {"null is no value", "registry:\n", Settings{Registry: "r/x"}, "registry:\n  prefix: r/x\n"},
		"Plain":    {"", "registry:\n  prefix: r/x\n", Settings{PlainHTTP: []string{"r:80", "s"}}, "registry:\n  prefix: r/x\n  plainHTTP:\n    - r:80\n    - s\n"},
		"Twice":    {"a host is there once", "registry:\n  plainHTTP: [r, s]\n", Settings{PlainHTTP: []string{"s"}}, "registry:\n  plainHTTP: [r, s]\n"},
		"Empty":    {"an empty list gets its first member", "registry:\n  plainHTTP: []\n", Settings{PlainHTTP: []string{"s"}}, "registry:\n  plainHTTP:\n    - s\n"},
		"Quoted":   {"a value that looks like a number is none", "", Settings{Registry: "123"}, "registry:\n  prefix: \"123\"\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := tc.s.Merge(tc.own)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			again, err := tc.s.Merge(got)
			if err != nil || again != got {
				t.Errorf("again it gives %q, %v", again, err)
			}
		})
	}
	for _, own := range []string{"- a", "a: [", "text"} {
		if _, err := (Settings{Registry: "r"}).Merge(own); err == nil {
			t.Errorf("%q was taken", own)
		}
	}
}

// FuzzMerge holds the promise that what is set is what is read back, and that doing it twice changes nothing.
func FuzzMerge(f *testing.F) {
	for _, s := range []string{"", "registry: {prefix: a}", "registry: 5", "registry: &x {prefix: *x}", "a: &b c\nregistry: *b", "registry:\n- 1", "? [a]\n: b", "<<: {registry: {prefix: z}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, own string) {
		got, err := Settings{Registry: "r.example/x", PlainHTTP: []string{"r.example"}}.Merge(own)
		if err != nil {
			return
		}
		c, err := platform.Parse(got)
		if err != nil {
			return // the rest of it is not a configuration, which is told to the operator
		}
		if c.Registry.Prefix != "r.example/x" || !c.Registry.Plain("r.example") {
			t.Errorf("%q became %q", own, got)
		}
	})
}

func TestComplete(t *testing.T) {
	data := func(objects []*Object) map[string]any {
		got, _ := configMap(objects).Object["data"].(map[string]any)
		return got
	}
	objects := manifest(t)
	if err := (Settings{Registry: "r.example/x"}).Complete(objects, "scaling: {maxScale: 7}\n"); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		platform.ReleaseKey: "images: {runtime: run, builder: build}\n", "_example": "- words\n",
		platform.Key: "scaling: {maxScale: 7}\nregistry:\n  prefix: r.example/x\n",
	}
	if diff := cmp.Diff(want, data(objects)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, tc := range map[string]struct {
		own  string
		s    Settings
		want string
	}{
		"Registry": {"", Settings{}, "--registry"},
		"Unknown":  {"registri: {}\nregistry: {prefix: x}", Settings{}, "registri"},
		"Scheme":   {"", Settings{Registry: "https://r.example"}, "without scheme"},
	} {
		if err := tc.s.Complete(manifest(t), tc.own); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
	if err := (Settings{}).Complete(manifest(t), ""); !errors.Is(err, ErrNoRegistry) {
		t.Errorf("no registry: %v", err)
	}
	if err := (Settings{Registry: "r/x"}).Complete(manifest(t)[:1], ""); err == nil || !strings.Contains(err.Error(), "is it one of Lambkin?") {
		t.Errorf("somebody else's manifest: %v", err)
	}
}

func TestEmbedded(t *testing.T) {
	if _, err := Embedded(); !errors.Is(err, ErrNone) {
		t.Errorf("a build without a release: %v", err)
	}
}
