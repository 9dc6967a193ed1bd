package event

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

const (
	// lineageField is the field of X-Ray's header that says which functions an event has come through and how often, as
	// HASH:COUNT joined by bars (https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader).
	lineageField = "Lineage"
	// maxAncestors bounds what is written of them, so that the header stays well below maxTrace. The oldest go.
	maxAncestors = 32
	// maxVisits bounds a count that came from outside.
	maxVisits = 1 << 20
)

// ancestor is the name of a function in a lineage.
func ancestor(arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return hex.EncodeToString(sum[:4])
}

// Visits is how often an event of this trace has come through a function already, by the function's unqualified ARN.
func (t Trace) Visits(arn string) int {
	name := ancestor(arn)
	for entry := range strings.SplitSeq(t.field(lineageField), "|") {
		if count, ok := visits(entry, name); ok {
			return count
		}
	}
	return 0
}

// Visit is the trace of an event that comes through a function once more. Entries of others stay as they are.
func (t Trace) Visit(arn string) Trace {
	name, count := ancestor(arn), 0
	var kept []string
	for entry := range strings.SplitSeq(t.field(lineageField), "|") {
		if n, ok := visits(entry, name); ok {
			count = n
			continue
		}
		if entry != "" {
			kept = append(kept, entry)
		}
	}
	kept = kept[max(0, len(kept)-maxAncestors+1):]
	return t.with(lineageField, strings.Join(append(kept, name+":"+strconv.Itoa(count+1)), "|"))
}

// visits reads the count of an entry, if it is of this name.
func visits(entry, name string) (int, bool) {
	text, ok := strings.CutPrefix(entry, name+":")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, true
	}
	return min(n, maxVisits), true
}

// field is a field of those that are passed on.
func (t Trace) field(key string) string {
	for field := range strings.SplitSeq(t.Rest, ";") {
		if value, ok := strings.CutPrefix(field, key+"="); ok {
			return value
		}
	}
	return ""
}

// with replaces a field of those that are passed on, or adds it.
func (t Trace) with(key, value string) Trace {
	var fields []string
	for field := range strings.SplitSeq(t.Rest, ";") {
		if field != "" && !strings.HasPrefix(field, key+"=") {
			fields = append(fields, field)
		}
	}
	t.Rest = strings.Join(append(fields, key+"="+value), ";")
	return t
}
