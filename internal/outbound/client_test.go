package outbound

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/code.zip", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "zip") })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/code.zip", http.StatusFound) })
	mux.HandleFunc("/circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/circle", http.StatusFound) })
	mux.HandleFunc("/other", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host+"/code.zip?sig=hidden", http.StatusFound)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	cases := map[string]struct {
		reason   string
		location string
		want     string // of the body
		fault    string // in the error
	}{
		"There":     {"What is there is read.", s.URL + "/code.zip?sig=hidden", "zip", ""},
		"Moved":     {"One redirect is followed.", s.URL + "/away", "zip", ""},
		"Circle":    {"But not for ever.", s.URL + "/circle?sig=hidden", "", "more than 5 redirects"},
		"Scheme":    {"Nor to another scheme.", s.URL + "/other?sig=hidden", "", "redirect from http to https"},
		"Missing":   {"An answer but 200 is none.", s.URL + "/nothing?sig=hidden", "", "404 Not Found"},
		"File":      {"Files are none of its business.", "file:///etc/passwd", "", `its scheme is "file"`},
		"NoURL":     {"Nor is what is no URL, which is not repeated.", "http://h/\x7f?sig=hidden", "", "is no URL"},
		"NoAnswer":  {"Nobody is at home.", "http://127.0.0.1:1/?sig=hidden", "", "refused"},
		"EmptyHost": {"There is no host to ask.", "http:///x?sig=hidden", "", "no Host in request URL"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			body, err := Open(t.Context(), Client(http.DefaultTransport), tc.location)
			if tc.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fault) || strings.Contains(err.Error(), "hidden") {
					t.Errorf("%s got %v, want %q without secrets", tc.reason, err, tc.fault)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s got %v", tc.reason, err)
			}
			defer body.Close()
			if got, err := io.ReadAll(body); err != nil || string(got) != tc.want {
				t.Errorf("%s got %q, %v, want %q", tc.reason, got, err, tc.want)
			}
		})
	}
}

// TestTransportStaysAway connects to a server that is there, by address and by name.
func TestTransportStaysAway(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	client := Client(Transport())
	defer client.CloseIdleConnections()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, location := range []string{s.URL, "http://localhost:" + port} {
		_, err := Open(t.Context(), client, location)
		if err == nil || !strings.Contains(err.Error(), "belongs to the server itself") {
			t.Errorf("Open(%q) = %v, want a refusal", location, err)
		}
	}
}

func TestCheck(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1:80": false, "127.9.9.9:80": false, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false, "0.0.0.0:80": false, "[::]:1": false,
		"169.254.169.254:80": false, "[fe80::1%eth0]:80": false, "224.0.0.1:80": false, "[ff01::1]:80": false, "nonsense": false,
		"10.0.0.1:80": true, "192.168.1.1:443": true, "93.184.216.34:443": true, "[2606:2800::1]:443": true,
	} {
		if err := check(address); (err == nil) != allowed {
			t.Errorf("check(%q) = %v, want allowed %v", address, err, allowed)
		}
	}
}

func TestRedacted(t *testing.T) {
	for location, want := range map[string]string{
		"https://user:pass@h/p?X-Amz-Signature=abc#f": "https://user:xxxxx@h/p",
		"http://h/p":    "http://h/p",
		"http://h/\x7f": "the URL",
	} {
		if got := Redacted(location); got != want {
			t.Errorf("Redacted(%q) = %q, want %q", location, got, want)
		}
	}
	err := WithoutURL(&url.Error{Op: "Get", URL: "https://h/?secret", Err: io.ErrUnexpectedEOF})
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "secret") {
		t.Errorf("WithoutURL leaves %v", err)
	}
	if err := WithoutURL(io.EOF); !errors.Is(err, io.EOF) {
		t.Errorf("WithoutURL makes %v of another error", err)
	}
}
