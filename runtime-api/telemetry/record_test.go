package telemetry

import (
	"encoding/json"
	"testing"
	"time"
)

func TestBilled(t *testing.T) {
	cases := map[string]struct {
		duration, init time.Duration
		want           int64
	}{
		"Zero":     {0, 0, 0},
		"Whole":    {3 * time.Millisecond, 0, 3},
		"Fraction": {2530 * time.Microsecond, 0, 3},
		"Smallest": {1, 0, 1},
		"WithInit": {2600 * time.Microsecond, 108530 * time.Microsecond, 112},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Billed(tc.duration, tc.init); got != tc.want {
				t.Errorf("Billed(%v, %v) = %d, want %d: milliseconds are rounded up", tc.duration, tc.init, got, tc.want)
			}
		})
	}
}

func TestNumbersAndTimes(t *testing.T) {
	cases := map[string]struct {
		value any
		want  string
	}{
		"Whole":        {Milliseconds(3 * time.Second), "3000"},
		"Microseconds": {Milliseconds(2530*time.Microsecond + 400), "2.53"},
		"Three":        {Milliseconds(1234567), "1.235"},
		"Zero":         {Milliseconds(0), "0"},
		"Timestamp":    {Timestamp(time.Date(2026, 1, 31, 1, 2, 3, 4567890, time.FixedZone("", 3600))), `"2026-01-31T00:02:03.004Z"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(tc.value)
			if err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}
