package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPagesAreFresh(t *testing.T) {
	for _, p := range pages() {
		text, err := p.make(root)
		if err != nil {
			t.Fatal(err)
		}
		if text != read(t, "docs/"+p.name) {
			t.Errorf("%s is not what the code says: run make generate", p.name)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"docs", "config"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(dir); err == nil || !strings.Contains(err.Error(), "function-reference.md") {
		t.Errorf("without definitions: %v", err)
	}
	if err := os.CopyFS(filepath.Join(dir, "config", "crd"), os.DirFS(filepath.Join(root, "config", "crd"))); err != nil {
		t.Fatal(err)
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range pages() {
		if _, err := os.Stat(filepath.Join(dir, "docs", p.name)); err != nil {
			t.Error(err)
		}
	}
}

// reasons are the values of all constants of type Reason in the API.
func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "api", "v1alpha1", "conditions.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Reason" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, value)
		return true
	})
	if len(all) < 30 {
		t.Fatalf("found only %v", all)
	}
	return all
}

// TestReasonsAreExplained wants one row for each reason of a condition, and none for others.
func TestReasonsAreExplained(t *testing.T) {
	var told []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]+)` \\| .+ \\| .+ \\|$").FindAllStringSubmatch(read(t, "docs/operating.md"), -1) {
		told = append(told, row[1])
	}
	known := reasons(t)
	for _, reason := range known {
		if !slices.Contains(told, reason) {
			t.Errorf("operating.md has no row for reason %s: say when it comes and what to do", reason)
		}
	}
	for i, reason := range told {
		if !slices.Contains(known, reason) {
			t.Errorf("operating.md has a row for %s, which is no reason", reason)
		}
		if slices.Index(told, reason) != i {
			t.Errorf("operating.md has two rows for %s", reason)
		}
	}
}

// TestLinks follows all links from one page of the project to another.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} {
		pages = append(pages, filepath.Join(root, name))
	}
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), found[1])); err != nil {
				t.Errorf("%s has a link to nowhere: %s", page, found[1])
			}
		}
	}
}

func TestSchemaInWords(t *testing.T) {
	one, two := 1, 2
	low, high := 1.0, 10.5
	text := schema{Type: "string"}
	cases := map[string]struct {
		reason       string
		schema       schema
		kind, limits string
	}{
		"Plain":    {"a string", text, "string", ""},
		"List":     {"of strings", schema{Type: "array", Items: &text, MaxItems: &two}, "list of strings", " At most 2."},
		"Map":      {"of lists", schema{Type: "object", Additional: &schema{Type: "array", Items: &text}, MaxProps: &one}, "map of list of strings", " At most 1."},
		"Time":     {"it has a format", schema{Type: "string", Format: "date-time"}, "time", ""},
		"Bytes":    {"in base64", schema{Type: "string", Format: "byte"}, "bytes", ""},
		"Any":      {"no type", schema{}, "any", ""},
		"Enum":     {"with a default", schema{Type: "string", Enum: []any{"a", "b"}, Default: "a"}, "string", " One of `a`, `b`. Default: `a`."},
		"Between":  {"two bounds", schema{Type: "number", Minimum: &low, Maximum: &high}, "number", " 1 to 10.5."},
		"Least":    {"a lower bound", schema{Type: "integer", Minimum: &low}, "integer", " At least 1."},
		"Most":     {"an upper bound", schema{Type: "integer", Maximum: &high}, "integer", " At most 10.5."},
		"NotEmpty": {"one character at least", schema{Type: "string", MinLength: &one}, "string", " Not empty."},
		"Length":   {"of a text", schema{Type: "string", MinLength: &one, MaxLength: &two}, "string", " 1 to 2 characters."},
		"Pattern":  {"bars would end the cell", schema{Type: "string", Pattern: "a|b"}, "string", " Matches `a\\|b`."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := typeOf(tc.schema); got != tc.kind {
				t.Errorf("%s: the type is %q, want %q", tc.reason, got, tc.kind)
			}
			if got := limits(tc.schema); got != tc.limits {
				t.Errorf("%s: the limits are %q, want %q", tc.reason, got, tc.limits)
			}
		})
	}
}
