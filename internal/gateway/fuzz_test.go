package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// FuzzRequests holds that no request breaks the gateway: whatever is wrong is said as an error of the API.
func FuzzRequests(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/2015-03-31/functions/fn?Qualifier=%24LATEST", ""}, {"POST", "/2015-03-31/functions", `{"FunctionName":"a","Code":{"ZipFile":"UEs="}}`},
		{"PUT", "/2015-03-31/functions/fn/configuration", `{"Timeout":4}`}, {"GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", ""},
		{"DELETE", "/2017-03-31/tags/arn%3Aaws%3Alambda?tagKeys=a", ""}, {"GET", "/_download/a.b", ""}, {"GET", "/_url/x/y", ""},
		{"POST", "/2015-03-31/functions/fn/aliases", `{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.5}}}`},
		{"GET", "/2018-10-31/layers/lib/versions/99999999999999999999", ""}, {"POST", "/2015-03-31/functions/fn/invocations", `1`},
		{"PUT", "/2019-09-25/functions/fn/event-invoke-config", `{"DestinationConfig":{"OnFailure":{"Destination":"x"}}}`},
		{"GET", "/2015-03-31/functions?Marker=AAAA&MaxItems=1", ""}, {"PUT", "/2021-10-31/functions/fn/url", `{"Cors":{"MaxAge":-1}}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	// One gateway for all: opening a database takes longer than a request.
	door := gateway.New(newBench(f), gateway.Config{Identity: lambda.Identity{Region: region, Account: account}})
	door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, functions, strings.NewReader(body(`FunctionName="fn"`))))
	f.Fuzz(func(t *testing.T, method, path, body string) {
		text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil || !strings.HasPrefix(r.URL.Path, "/") {
			return
		}
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s %q: %s", method, path, body, w.Body)
		}
		if w.Code >= http.StatusBadRequest && method != http.MethodHead && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s %q: %d with a body that is not JSON: %q", method, path, body, w.Code, w.Body)
		}
	})
}
