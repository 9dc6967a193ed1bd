package gateway_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// errorsPage is the list of the recorded errors for people.
const errorsPage = "../../docs/aws-errors.md"

var (
	pageRow   = regexp.MustCompile(`^\| (\d+) \| (\w+) \| (.*) \| (.+) \|$`)
	heldBy    = regexp.MustCompile("^`(\\w+)`(?: of `([\\w/]+)`)?$")
	heldByNot = regexp.MustCompile(`^(Not here|Open): .+\.$`)
)

// TestListOfRecordedErrors holds that the page lists every recorded error once, and that the tests that it names are there.
func TestListOfRecordedErrors(t *testing.T) {
	page, err := os.ReadFile(errorsPage)
	if err != nil {
		t.Fatal(err)
	}
	all, asked := recordings(t), requests(newListed(t))
	listed := map[int]bool{}
	for line := range strings.Lines(string(page)) {
		m := pageRow.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		number, err := strconv.Atoi(m[1])
		if err != nil || listed[number] {
			t.Errorf("number %s is listed twice", m[1])
		}
		listed[number] = true
		if r := all[number]; m[2] != r.code || m[3] != shortened(r.text) {
			t.Errorf("%d: %s %s\nis recorded as %s %s", number, m[2], m[3], r.code, shortened(r.text))
		}
		if _, ok := asked[number]; ok != (m[4] == "`TestRecordedErrors`") {
			t.Errorf("%d: the page says %s; TestRecordedErrors asks for it: %v", number, m[4], ok)
		}
		checkHolder(t, number, m[4])
	}
	for number := range all {
		if !listed[number] {
			t.Errorf("%d is not listed", number)
		}
	}
}

// newListed is a fixture in which the requests can be put together.
func newListed(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.create("fn")
	return f
}

// shortened is a text as the page shows it.
func shortened(text string) string {
	if utf8.RuneCountInString(text) > 150 {
		text = string([]rune(text)[:149]) + "…"
	}
	return "`` " + strings.ReplaceAll(text, "|", `\|`) + " ``"
}

// checkHolder holds that what the page names is there.
func checkHolder(t *testing.T, number int, holder string) {
	t.Helper()
	if heldByNot.MatchString(holder) {
		return
	}
	m := heldBy.FindStringSubmatch(holder)
	if m == nil {
		t.Errorf("%d: %q names neither a test nor a reason", number, holder)
		return
	}
	folder := "."
	if m[2] != "" {
		folder = filepath.Join("../..", m[2])
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "func "+m[1]+"(") {
			return
		}
	}
	t.Errorf("%d: there is no %s in %s", number, m[1], folder)
}
