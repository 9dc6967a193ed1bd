// Package table is what the benchmarks have in common: rows of what was measured with what was promised, and medians.
package table

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Row is one line of a table.
type Row struct {
	// What was measured, in Markdown.
	What string
	// Value is what came of it, with its unit.
	Value string
	// Bound is what was promised; empty for what is only told.
	Bound string
	// Met says whether it holds. Without a bound it says nothing.
	Met bool
}

// Bound is a limit for a value.
type Bound struct {
	text  string
	holds func(float64) bool
}

// AtMost holds for limit and less.
func AtMost(limit float64) Bound {
	return Bound{fmt.Sprintf("≤ %g", limit), func(v float64) bool { return v <= limit }}
}

// AtLeast holds for limit and more.
func AtLeast(limit float64) Bound {
	return Bound{fmt.Sprintf("≥ %g", limit), func(v float64) bool { return v >= limit }}
}

// Ratio is a row whose value has no unit.
func Ratio(what string, v float64, b Bound) Row {
	return Row{What: what, Value: fmt.Sprintf("%.2f", v), Bound: b.text, Met: b.holds(v)}
}

// Absolute is a row whose value has a unit and may be so much at most.
func Absolute(what string, v float64, unit string, most float64) Row {
	return Row{What: what, Value: fmt.Sprintf("%.1f %s", v, unit), Bound: fmt.Sprintf("≤ %g %s", most, unit), Met: v <= most}
}

// Write writes the table as Markdown, and fails if a bound does not hold.
func Write(w io.Writer, rows []Row) error {
	missed := 0
	fmt.Fprint(w, "| what | measured | bound | met |\n|---|---|---|---|\n")
	for _, r := range rows {
		met := "yes"
		switch {
		case r.Bound == "":
			met = ""
		case !r.Met:
			met = "**no**"
			missed++
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.What, r.Value, r.Bound, met)
	}
	if missed > 0 {
		return fmt.Errorf("%d bounds do not hold", missed)
	}
	return nil
}

// Median is the middle one, of an even number the upper of the two; 0 of none. The values stay as they are.
func Median[T int64 | float64 | time.Duration](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
