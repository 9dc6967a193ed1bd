package gateway

import (
	"encoding/base64"
	"strconv"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// shownAtOnce is how many items a page has if the caller does not say.
const shownAtOnce = 50

// page is which part of a list a caller wants.
type page struct {
	after string // the key of the last item that was seen; empty for the beginning
	size  int
}

// page reads Marker and MaxItems.
func (c *call) page(most int) (page, error) {
	p := page{size: min(shownAtOnce, most)}
	if text := c.query("MaxItems"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return p, lambda.Errorf(lambda.CodeInvalidRequestContent, "MaxItems must be a number, not %q.", text)
		}
		var f faults
		if n < 1 {
			f.add(n, "maxItems", "Member must have value greater than or equal to 1")
		}
		if n > most {
			f.add(n, "maxItems", "Member must have value less than or equal to %d", most)
		}
		if err := f.err(); err != nil {
			return p, err
		}
		p.size = min(n, most)
	}
	if marker := c.query("Marker"); marker != "" {
		key, err := base64.RawURLEncoding.DecodeString(marker)
		if err != nil {
			return p, invalid("Could not parse the Marker: give the NextMarker of the page before, unchanged.")
		}
		p.after = string(key)
	}
	return p, nil
}

// paginate gives the items of a page and the marker of the next one, which is empty after the last. Keys are unique. If
// the item that the page follows has gone since, the list begins anew: callers may see items twice but miss none.
func paginate[T any](all []T, p page, key func(T) string) (shown []T, next string) {
	if p.after != "" {
		for i := range all {
			if key(all[i]) == p.after {
				all = all[i+1:]
				break
			}
		}
	}
	if len(all) <= p.size {
		return all, ""
	}
	return all[:p.size], base64.RawURLEncoding.EncodeToString([]byte(key(all[p.size-1])))
}
