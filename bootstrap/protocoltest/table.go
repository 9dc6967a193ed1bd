package protocoltest

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown gives the report as a table, case by client, with a note for each case that was not run.
func (r *Report) Markdown() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := slices.SortedFunc(slices.Values(r.lines), func(a, b line) int { return strings.Compare(a.client.Name, b.client.Name) })
	notes := &notes{}
	var out strings.Builder
	out.WriteString("| case |")
	for _, l := range lines {
		fmt.Fprintf(&out, " %s |", l.client.Name)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(lines)) + "\n")
	for _, tc := range cases() {
		fmt.Fprintf(&out, "| %s: %s |", tc.name, tc.reason)
		for _, l := range lines {
			fmt.Fprintf(&out, " %s |", notes.cell(l.results[tc.name]))
		}
		out.WriteString("\n")
	}
	return out.String() + notes.String()
}

// notes numbers the reasons, each once.
type notes struct{ list []string }

func (n *notes) cell(r result) string {
	if r.note != "" {
		return fmt.Sprintf("– (%d)", n.number(r.note))
	}
	if r.passed {
		return "yes"
	}
	return "**no**"
}

func (n *notes) number(note string) int {
	if at := slices.Index(n.list, note); at >= 0 {
		return at + 1
	}
	n.list = append(n.list, note)
	return len(n.list)
}

// String gives the list of notes.
func (n *notes) String() string {
	var out strings.Builder
	for at, note := range n.list {
		fmt.Fprintf(&out, "\n%d. %s", at+1, note)
	}
	if len(n.list) > 0 {
		out.WriteString("\n")
	}
	return out.String()
}
