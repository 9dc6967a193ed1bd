// Extension is an external Lambda extension for this package's tests. It writes what it hears to the file in HEARD and
// misbehaves as its environment says.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

type extension struct {
	base, id string
	heard    *os.File
}

func main() {
	if os.Getenv("EXTENSION") == "silent" {
		time.Sleep(time.Hour)
	}
	heard, err := os.OpenFile(os.Getenv("HEARD"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(err)
	e := &extension{base: "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension/", heard: heard}
	e.register()
	if os.Getenv("EXTENSION") == "telemetry" {
		e.subscribe()
	}
	for {
		e.next()
	}
}

func check(err error) {
	if err != nil {
		fmt.Println("extension:", err)
		os.Exit(1)
	}
}

func (e *extension) call(method, url string, body any) *http.Response {
	data, err := json.Marshal(body)
	check(err)
	req, err := http.NewRequest(method, url, bytes.NewReader(data))
	check(err)
	req.Header.Set("Lambda-Extension-Name", filepath.Base(os.Args[0]))
	req.Header.Set("Lambda-Extension-Identifier", e.id)
	resp, err := http.DefaultClient.Do(req)
	check(err)
	return resp
}

func (e *extension) register() {
	resp := e.call(http.MethodPost, e.base+"register", map[string]any{"events": []string{"INVOKE", "SHUTDOWN"}})
	e.id = resp.Header.Get("Lambda-Extension-Identifier")
	_, _ = io.Copy(io.Discard, resp.Body)
	fmt.Println("extension: registered", resp.Status)
}

// subscribe takes telemetry and notes every event's type.
func (e *extension) subscribe() {
	go func() {
		check(http.ListenAndServe("127.0.0.1:"+os.Getenv("TELEMETRY_PORT"), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var events []struct{ Type string }
			check(json.NewDecoder(r.Body).Decode(&events))
			for _, event := range events {
				fmt.Fprintln(e.heard, event.Type)
			}
		})))
	}()
	time.Sleep(50 * time.Millisecond) // until it listens
	resp := e.call(http.MethodPut, "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2022-07-01/telemetry", map[string]any{
		"schemaVersion": "2022-12-13",
		"types":         []string{"platform", "function"},
		"destination":   map[string]string{"protocol": "HTTP", "URI": "http://sandbox.localdomain:" + os.Getenv("TELEMETRY_PORT")},
		"buffering":     map[string]int{"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
	})
	fmt.Println("extension: subscribed", resp.Status)
}

func (e *extension) next() {
	resp := e.call(http.MethodGet, e.base+"event/next", nil)
	var event struct {
		EventType, RequestID, ShutdownReason string
	}
	check(json.NewDecoder(resp.Body).Decode(&event))
	fmt.Fprintln(e.heard, event.EventType+event.ShutdownReason)
	switch {
	case event.EventType == "SHUTDOWN":
		os.Exit(0)
	case os.Getenv("EXTENSION") == "crash":
		os.Exit(7)
	case os.Getenv("EXTENSION") == "slow":
		time.Sleep(300 * time.Millisecond)
	}
}
