package gateway

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// shownAtOnce is how many items a page has if the caller does not say.
	shownAtOnce = 50
	// maxMarker is the longest marker that is looked at, in bytes.
	maxMarker = 4096
)

// page is which part of a list a caller wants.
type page struct {
	marker

	size int
}

// marker is what the NextMarker of a page says: which list it is of and where that goes on.
type marker struct {
	// List stands for the operation, the path and the filters of the request.
	List string `json:"l"`
	// Token is the engine's, of a list that the engine gives in pages; empty for the first one.
	Token string `json:"t,omitempty"`
	// Last is the key of the item that was shown last; empty if none of this page was.
	Last string `json:"k,omitempty"`
}

// next is the NextMarker for what comes after this page.
func (p page) next(token, last string) string {
	if token == "" && last == "" {
		return ""
	}
	text, err := json.Marshal(marker{List: p.List, Token: token, Last: last})
	if err != nil {
		return "" // texts always have a JSON form
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// page reads Marker and MaxItems. A page has at most as many items as most says, whatever the caller asks for.
func (c *call) page(most int) (page, error) {
	p := page{size: min(shownAtOnce, most), marker: marker{List: c.list()}}
	if text := c.query("MaxItems"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return p, lambda.Errorf(lambda.CodeInvalidRequestContent, "MaxItems must be a number, not %q.", text)
		}
		var f faults
		if n < 1 {
			f.add(n, "maxItems", "Member must have value greater than or equal to 1")
		}
		if limit := maxItems(c.op.name, most); n > limit {
			f.add(n, "maxItems", "Member must have value less than or equal to %d", limit)
		}
		if err := f.err(); err != nil {
			return p, err
		}
		p.size = min(n, most)
	}
	if text := c.query("Marker"); text != "" {
		return p, p.read(text)
	}
	return p, nil
}

// maxItems is the most that the model lets callers ask for in MaxItems. A page of functions is smaller than that: on AWS, too, it
// has at most 50 (https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html).
func maxItems(operation string, most int) int {
	if operation == "ListFunctions" {
		return 10000
	}
	return most
}

// list stands for what a request lists, so that a marker of another list is noticed.
func (c *call) list() string {
	filters := c.r.URL.Query()
	filters.Del("Marker")
	filters.Del("MaxItems")
	sum := sha256.Sum256([]byte(c.op.name + " " + c.r.URL.EscapedPath() + "?" + filters.Encode()))
	return hex.EncodeToString(sum[:6])
}

// read takes a marker that a caller sends, which must be one of this list.
func (p *page) read(text string) error {
	var given marker
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if len(text) > maxMarker || err != nil || json.Unmarshal(raw, &given) != nil || given.List != p.List {
		return invalid("Could not parse the Marker: give the NextMarker of the page before, unchanged.")
	}
	p.marker = given
	return nil
}

// paginate gives the items of a page and the marker of the next one, which is empty after the last. Keys are unique. If
// the item that the page follows has gone since, the list begins anew: callers may see items twice but miss none.
func paginate[T any](all []T, p page, key func(T) string) (shown []T, next string) {
	if p.Last != "" {
		for i := range all {
			if key(all[i]) == p.Last {
				all = all[i+1:]
				break
			}
		}
	}
	if len(all) <= p.size {
		return all, ""
	}
	return all[:p.size], p.next("", key(all[p.size-1]))
}
