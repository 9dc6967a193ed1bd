package terminal

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Table is rows under headings, aligned by the widest cell of each column.
type Table struct {
	Head []string
	Rows [][]string
}

// Add appends a row. Missing cells stay empty.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Print writes the table to standard output.
func (s *Streams) Print(t Table) {
	widths := t.widths()
	s.Printf("%s\n", s.Paint(Bold, line(t.Head, widths)))
	for _, row := range t.Rows {
		s.Printf("%s\n", line(row, widths))
	}
}

func (t *Table) widths() []int {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i := range min(len(row), len(widths)) {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	return widths
}

func line(cells []string, widths []int) string {
	var b strings.Builder
	for i := range min(len(cells), len(widths)) {
		b.WriteString(cells[i])
		b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cells[i])+3))
	}
	return strings.TrimRight(b.String(), " ")
}

// Bytes gives a size for people, such as 1.4 MB. Units are powers of 1024, as in the Lambda API's limits.
func Bytes(n int64) string {
	const kilo = 1024
	switch {
	case n < kilo:
		return fmt.Sprintf("%d B", n)
	case n < kilo*kilo:
		return fmt.Sprintf("%.1f KB", float64(n)/kilo)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/(kilo*kilo))
	}
}

// Age gives the time since t in one unit, such as 5m; empty if t is zero.
func Age(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := max(now.Sub(t), 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// Took gives a duration as people read it, such as 240ms or 3.1s.
func Took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
