package source

import (
	"bufio"
	"path"
	"slices"
	"strings"
)

// IgnoreFile names the file with patterns of what stays out of the archive, in the form of .gitignore: # comments,
// ! to take back in, / at the end for folders, / elsewhere to anchor, and *, ?, [a-z] and **.
const IgnoreFile = ".lambkinignore"

// never are the patterns that hold everywhere: what belongs to tools and to the manifest, not to the function.
const never = `.git
.hg
.svn
.DS_Store
.lambkinignore
__pycache__
*.pyc
.venv
.idea
.vscode
node_modules/.cache
/function.yaml
/serverless.yaml
/event.json
/want.json
`

// ignore is a list of rules; the last that matches decides.
type ignore []rule

type rule struct {
	segments   []string
	keep       bool
	folderOnly bool
	anchored   bool
}

// parseIgnore reads patterns. Lines that are no patterns are left out.
func parseIgnore(text string) ignore {
	var rules ignore
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if r, ok := parseRule(lines.Text()); ok {
			rules = append(rules, r)
		}
	}
	return rules
}

func parseRule(line string) (rule, bool) {
	line = strings.TrimRight(line, " \t\r")
	if line == "" || strings.HasPrefix(line, "#") {
		return rule{}, false
	}
	var r rule
	if rest, ok := strings.CutPrefix(line, "!"); ok {
		r.keep, line = true, rest
	}
	line = strings.TrimPrefix(line, `\`)
	if rest, ok := strings.CutSuffix(line, "/"); ok {
		r.folderOnly, line = true, rest
	}
	r.anchored = strings.Contains(line, "/")
	r.segments = slices.CompactFunc(strings.Split(strings.Trim(line, "/"), "/"), func(a, b string) bool { return a == "**" && b == "**" })
	return r, r.segments[0] != ""
}

// drops reports whether the file or folder at a slash-separated path stays out.
func (i ignore) drops(name string, folder bool) bool {
	drop := false
	for _, r := range i {
		if r.matches(name, folder) {
			drop = !r.keep
		}
	}
	return drop
}

func (r rule) matches(name string, folder bool) bool {
	if r.folderOnly && !folder {
		return false
	}
	segments := strings.Split(name, "/")
	if !r.anchored {
		segments = segments[len(segments)-1:]
	}
	return matchSegments(r.segments, segments)
}

// matchSegments matches path segments, where ** stands for any number of them.
func matchSegments(pattern, name []string) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "**" {
		for skip := range len(name) + 1 {
			if matchSegments(pattern[1:], name[skip:]) {
				return true
			}
		}
		return false
	}
	if len(name) == 0 {
		return false
	}
	ok, err := path.Match(pattern[0], name[0])
	return err == nil && ok && matchSegments(pattern[1:], name[1:])
}
