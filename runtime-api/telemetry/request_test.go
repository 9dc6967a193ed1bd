package telemetry

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goodRequest = `{"schemaVersion":"2022-12-13","types":["platform","function","platform"],` +
	`"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/x"},` +
	`"buffering":{"maxItems":1000,"maxBytes":262145,"timeoutMs":25}}`

func TestParseRequest(t *testing.T) {
	r, err := parseRequest(TelemetryAPI, false, []byte(goodRequest))
	if err != nil {
		t.Fatal(err)
	}
	if r.schema != Schema20221213 || r.sources != platform|function || r.uri.String() != "http://sandbox.localdomain:8080/x" || r.port != 8080 {
		t.Errorf("got %+v", r)
	}
	if diff := cmp.Diff([]string{"platform", "function"}, r.types); diff != "" {
		t.Errorf("each type once: %s", diff)
	}
	if want := (limits{1000, 262145, 25 * time.Millisecond}); r.limits != want {
		t.Errorf("limits: got %+v, want %+v", r.limits, want)
	}
}

func TestParseRequestDefaults(t *testing.T) {
	r, err := parseRequest(LogsAPI, false, []byte(`{"types":["function"],"destination":{"protocol":"TCP","port":8080}}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.schema != Schema20200815 {
		t.Errorf("the Logs API has a default schema: got %q", r.schema)
	}
	if want := (limits{10000, 262144, time.Second}); r.limits != want {
		t.Errorf("limits: got %+v, want %+v", r.limits, want)
	}
}

func TestParseRequestFaults(t *testing.T) {
	const tcp = `"destination":{"protocol":"TCP","port":8080}`
	http := func(uri string) string { return fmt.Sprintf(`"destination":{"protocol":"HTTP","URI":%q}`, uri) }
	with := func(parts ...string) string {
		return "{" + strings.Join(append([]string{`"schemaVersion":"2022-07-01","types":["platform"]`}, parts...), ",") + "}"
	}
	cases := map[string]struct {
		api   API
		multi bool
		body  string
		want  string
	}{
		"TwoFaults": {
			body: `{"schemaVersion":"2022-07-01","destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain/"}}`,
			want: "ValidationError: URI port is not provided; types should not be empty",
		},
		"LogsType": {
			api:  LogsAPI,
			body: `{"types":[],"destination":{"protocol":"TCP","port":1}}`,
			want: "Logs.ValidationError: types should not be empty",
		},
		"NoSchema": {body: `{"types":["platform"],` + tcp + `}`, want: "ValidationError: schemaVersion is not provided"},
		"LogsSchema": {
			body: `{"schemaVersion":"2021-03-18","types":["platform"],` + tcp + `}`,
			want: `ValidationError: schemaVersion should be one of ["2022-07-01" "2022-12-13" "2025-01-29"]`,
		},
		"TelemetrySchema": {
			api: LogsAPI, body: with(tcp),
			want: `Logs.ValidationError: schemaVersion should be one of ["2020-08-15" "2021-03-18"]`,
		},
		"MultiSchema": {
			multi: true, body: with(tcp),
			want: `ValidationError: schemaVersion should be one of ["2025-01-29"]`,
		},
		"UnknownType": {
			body: `{"schemaVersion":"2022-07-01","types":["platform","metrics"],` + tcp + `}`,
			want: `ValidationError: type "metrics" is not known`,
		},
		"NoDestination": {body: with(), want: "ValidationError: destination is not provided"},
		"Protocol":      {body: with(`"destination":{"protocol":"UDP"}`), want: "ValidationError: protocol should be HTTP or TCP"},
		"Port":          {body: with(`"destination":{"protocol":"TCP","port":65536}`), want: "ValidationError: port should be between 1 and 65535"},
		"ReservedPort":  {body: with(`"destination":{"protocol":"TCP","port":9001}`), want: "ValidationError: port 9001 is reserved"},
		"ReservedURI":   {body: with(http("http://sandbox:9001")), want: "ValidationError: port 9001 is reserved"},
		"NoURI":         {body: with(http("")), want: "ValidationError: URI is not provided"},
		"Scheme":        {body: with(http("https://sandbox:1")), want: "ValidationError: URI should be http://sandbox.localdomain:PORT/PATH"},
		"User":          {body: with(http("http://a:b@sandbox:1")), want: "ValidationError: URI should be http://sandbox.localdomain:PORT/PATH"},
		"Host":          {body: with(http("http://169.254.169.254:80/")), want: "ValidationError: URI host should be sandbox.localdomain"},
		"URIPort":       {body: with(http("http://sandbox:70000")), want: "ValidationError: URI port should be between 1 and 65535"},
		"HugeURIPort":   {body: with(http("http://sandbox:99999999999999999999")), want: "ValidationError: URI port should be between 1 and 65535"},
		"Method": {
			body: with(`"destination":{"protocol":"HTTP","URI":"http://sandbox:1","method":"GET","encoding":"XML"}`),
			want: "ValidationError: encoding should be JSON; method should be POST or PUT",
		},
		"Buffering": {
			body: with(tcp, `"buffering":{"maxItems":999,"maxBytes":1048577,"timeoutMs":0}`),
			want: "ValidationError: maxItems should be between 1000 and 10000; maxBytes should be between 262144 and 1048576; " +
				"timeoutMs should be between 25 and 30000",
		},
		"NotJSON": {body: "x", want: "ValidationError: request is not valid: invalid character 'x' looking for beginning of value"},
		"TooLarge": {
			body: strings.Repeat(" ", MaxRequestBytes) + goodRequest,
			want: "ValidationError: request should not be larger than 65536 bytes",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.api == "" {
				tc.api = TelemetryAPI
			}
			_, err := parseRequest(tc.api, tc.multi, []byte(tc.body))
			e := new(Error)
			if !errors.As(err, &e) || e.Status != 400 || e.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

// Whatever comes in, a request that is taken is complete and within its bounds.
func FuzzParseRequest(f *testing.F) {
	f.Add(goodRequest, false)
	f.Add(`{"types":["extension"],"destination":{"protocol":"TCP","port":1}}`, true)
	f.Add(`{"destination":{"protocol":"HTTP","URI":"http://sandbox:080"}}`, false)
	f.Add(`{"types":null,"buffering":null,"destination":null}`, true)
	f.Fuzz(func(t *testing.T, body string, logs bool) {
		api := TelemetryAPI
		if logs {
			api = LogsAPI
		}
		r, err := parseRequest(api, false, []byte(body))
		if err != nil {
			if len(err.Error()) > 2*len(body)+4096 {
				t.Errorf("an error of %d bytes for a request of %d", len(err.Error()), len(body))
			}
			return
		}
		if r.sources == 0 || r.port < 1 || r.port > 65535 || r.limits.items < 1000 || r.limits.bytes > 1<<20 || r.limits.timeout <= 0 {
			t.Errorf("accepted %+v", r)
		}
		r.sink().close()
	})
}
