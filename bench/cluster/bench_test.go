package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPairs(t *testing.T) {
	var order []string
	record := func(name string, took ...time.Duration) side {
		return func(_ context.Context, round int) (time.Duration, error) {
			order = append(order, name)
			return took[round], nil
		}
	}
	// In the second round the machine is slow for both.
	c, err := pairs(t.Context(), 3, record("ours", 12, 120, 15), record("theirs", 10, 100, 10))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ours", "theirs", "theirs", "ours", "ours", "theirs"}; !slices.Equal(order, want) {
		t.Errorf("measured in the order %v, want %v", order, want)
	}
	if got := c.ratio(); got != 1.2 {
		t.Errorf("the ratio is %v, want that of the middle pair, 1.2", got)
	}
	r := c.row("x", 1.2)
	if r.Value != "1.20 (0.01 µs : 0.01 µs)" || !r.Met {
		t.Errorf("got %+v", r)
	}
	if c.row("x", 1.1).Met {
		t.Error("1.2 is not within 1.1")
	}
	boom := errors.New("boom")
	_, err = pairs(t.Context(), 3, record("ours", 1, 1, 1), func(context.Context, int) (time.Duration, error) { return 0, boom })
	if !errors.Is(err, boom) {
		t.Errorf("got %v, want the error of a side", err)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234 * time.Millisecond: "1.23 s", 12340 * time.Millisecond: "12.3 s", 345 * time.Millisecond: "345 ms",
		2500 * time.Microsecond: "2.50 ms", 42 * time.Microsecond: "42.0 µs", 0: "0.00 µs",
	} {
		if got := short(d); got != want {
			t.Errorf("%v is told as %q, want %q", d, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"None":     {"All have a default.", nil, ""},
		"Only":     {"Several can be chosen.", []string{"-only", "cold,many"}, ""},
		"Unknown":  {"A slip of the pen must not measure nothing.", []string{"-only", "cold,wram"}, "there are bake, cold"},
		"Argument": {"There are none.", []string{"cold"}, "no arguments"},
		"Rounds":   {"Of nothing there is no median.", []string{"-rounds", "0"}, "at least 1 round"},
		"Few":      {"A tenth of them must be some.", []string{"-functions", "9"}, "10 functions"},
	}
	for name, tc := range cases {
		err := new(options).parse(tc.args)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %s got %v", name, tc.reason, err)
		}
	}
}

func TestPacked(t *testing.T) {
	data, err := packed(map[string][]byte{"bootstrap": []byte("x")}, "7")
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range r.File {
		if f.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %v", f.Name, f.Mode())
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name] = string(text)
	}
	if len(got) != 2 || got["bootstrap"] != "x" || got["mark"] != "7" {
		t.Errorf("the zip holds %v", got)
	}
}

func TestProject(t *testing.T) {
	data, err := project(1)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(data); n < zipSize*4/5 || n > zipSize*6/5 {
		t.Errorf("the zip has %d bytes, want about %d", n, zipSize)
	}
	other, err := project(2)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(data, other) {
		t.Error("two rounds have the same code")
	}
}

func TestHere(t *testing.T) {
	s := shelf{inside: "registry.example:5000", outside: "127.0.0.1:4000"}
	for in, want := range map[string]string{
		"registry.example:5000/a/b@sha256:1": "127.0.0.1:4000/a/b@sha256:1",
		"registry.example:50001/a":           "registry.example:50001/a",
		"public.example/a":                   "public.example/a",
	} {
		if got := s.here(in); got != want {
			t.Errorf("%s is called %s here, want %s", in, got, want)
		}
	}
}
