package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/bench/table"
)

// measurement is one of those that can be chosen by name.
type measurement struct {
	name string
	run  func(*bench, context.Context) ([]table.Row, error)
}

// measurements are all there are, those that leave most behind last.
func measurements() []measurement {
	return []measurement{
		{"bake", (*bench).bakes},
		{"cold", (*bench).coldStarts},
		{"warm", (*bench).warmRequests},
		{"zip", (*bench).zips},
		{"source", (*bench).sources},
		{"many", (*bench).many},
	}
}

func names() []string {
	all := measurements()
	list := make([]string, len(all))
	for i, m := range all {
		list[i] = m.name
	}
	return list
}

// run prints the table, and fails if a bound does not hold.
func (b *bench) run(ctx context.Context, w io.Writer) error {
	var rows []table.Row
	for _, m := range measurements() {
		if b.only != "" && !slices.Contains(strings.Split(b.only, ","), m.name) {
			continue
		}
		b.say("%s (%s)", m.name, load())
		more, err := m.run(b, ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		rows = append(rows, more...)
	}
	return table.Write(w, rows)
}

// say tells what is being done, beside the table.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// load is how busy the machine is.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) == 0 {
		return "load unknown"
	}
	return "load " + fields[0]
}

// compared are pairs of times, ours and the yardstick's, measured right after each other.
type compared struct {
	ours, theirs []time.Duration
}

// side measures one of the two in a round.
type side func(ctx context.Context, round int) (time.Duration, error)

// pairs measures both sides in each round, and changes who comes first.
func pairs(ctx context.Context, rounds int, ours, theirs side) (compared, error) {
	var c compared
	for round := range rounds {
		order := []side{ours, theirs}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		took := make([]time.Duration, 2)
		for i, one := range order {
			var err error
			if took[i], err = one(ctx, round); err != nil {
				return c, err
			}
		}
		if round%2 == 1 {
			slices.Reverse(took)
		}
		c.add(took[0], took[1])
	}
	return c, nil
}

func (c *compared) add(ours, theirs time.Duration) {
	c.ours, c.theirs = append(c.ours, ours), append(c.theirs, theirs)
}

// ratio is the median of the ratios of the pairs: what slows a machine for a while slows both of a pair.
func (c compared) ratio() float64 {
	ratios := make([]float64, len(c.ours))
	for i := range c.ours {
		ratios[i] = c.ours[i].Seconds() / c.theirs[i].Seconds()
	}
	return table.Median(ratios)
}

// row judges the ratio and tells the medians behind it.
func (c compared) row(what string, limit float64) table.Row {
	r := table.Ratio(what, c.ratio(), table.AtMost(limit))
	r.Value += fmt.Sprintf(" (%s : %s)", short(table.Median(c.ours)), short(table.Median(c.theirs)))
	return r
}

// short is a time with three digits.
func short(d time.Duration) string {
	unit := time.Microsecond
	for _, u := range []time.Duration{time.Millisecond, time.Second} {
		if d >= u {
			unit = u
		}
	}
	v := float64(d) / float64(unit)
	names := map[time.Duration]string{time.Microsecond: "µs", time.Millisecond: "ms", time.Second: "s"}
	digits := 2
	for ; v >= 10 && digits > 0; v /= 10 {
		digits--
	}
	return fmt.Sprintf("%.*f %s", digits, float64(d)/float64(unit), names[unit])
}
