package gateway_test

import (
	"net/http"
	"net/url"
	"testing"
)

// TestRaces holds that a caller who names no revision does not notice that others change the same object.
func TestRaces(t *testing.T) {
	cases := map[string]struct{ method, path, body string }{
		"configuration": {http.MethodPut, functions + "/fn/configuration", `{"Timeout":4}`},
		"tags":          {http.MethodPost, tags + url.PathEscape(prefix+"function:fn"), `{"Tags":{"a":"b"}}`},
		"alias":         {http.MethodPut, functions + "/fn/aliases/live", `{"Description":"x"}`},
		"URL":           {http.MethodPut, "/2021-10-31/functions/fn/url", `{"InvokeMode":"RESPONSE_STREAM"}`},
		"concurrency":   {http.MethodPut, "/2017-10-31/functions/fn/concurrency", `{"ReservedConcurrentExecutions":1}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.create("fn")
			f.request(http.MethodPost, functions+"/fn/aliases", `{"Name":"live","FunctionVersion":"$LATEST"}`)
			f.request(http.MethodPost, "/2021-10-31/functions/fn/url", `{"AuthType":"NONE"}`)
			f.races.Store(3)
			if r := f.request(c.method, c.path, c.body); r.status/100 != 2 {
				t.Errorf("after three others: %d %s", r.status, r.body)
			}
			f.races.Store(1000)
			if r := f.request(c.method, c.path, c.body); r.status != http.StatusConflict {
				t.Errorf("after a thousand others: %d %s, want 409", r.status, r.body)
			}
		})
	}
}
