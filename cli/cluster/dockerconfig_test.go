package cluster

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzWithLogin holds the promises of a merge: what was there stays, doing it twice changes nothing, and what is no
// configuration is refused.
func FuzzWithLogin(f *testing.F) {
	for _, text := range []string{
		``, ` `, `{}`, `{"auths":{}}`, `{"auths":{"a":{"auth":"eA=="}},"x":[1,2]}`, `{"auths":null}`, `[]`, `{"auths":{"h":{"password":"p"}}}`, `null`, `{"auths":{"h":null}}`,
	} {
		f.Add([]byte(text), "h", "u", "p")
	}
	f.Fuzz(func(t *testing.T, text []byte, host, user, password string) {
		if !utf8.ValidString(host + user + password) {
			return // JSON has no place for it
		}
		merged, err := withLogin(text, host, user, password)
		if err != nil {
			return
		}
		again, err := withLogin(merged, host, user, password)
		if err != nil || !bytes.Equal(merged, again) {
			t.Fatalf("again: %s, %v; first %s", again, err, merged)
		}
		before, err := members(text)
		if err != nil {
			t.Fatalf("taken, and no configuration: %s", text)
		}
		after, err := members(merged)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range before {
			if name != "auths" && !bytes.Equal(compacted(t, value), compacted(t, after[name])) {
				t.Errorf("member %q was %s and is %s", name, value, after[name])
			}
		}
		auths, err := members(after["auths"])
		if err != nil || auths[host] == nil {
			t.Errorf("no credentials of %q in %s", host, merged)
		}
	})
}

func compacted(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		t.Fatal(err)
	}
	var same bytes.Buffer
	json.HTMLEscape(&same, out.Bytes()) // as json.Marshal writes it
	return same.Bytes()
}
