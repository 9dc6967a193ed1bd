package server

import (
	"errors"
	"io"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/lambkin-dev/lambkin/runtime-api/extension"
	"github.com/lambkin-dev/lambkin/runtime-api/telemetry"
)

// telemetryRoutes adds the subscription calls of the Telemetry API 2022-07-01 and the Logs API 2020-08-15 to r.
func telemetryRoutes(r *mux.Router, bus *telemetry.Bus, reg *extension.Registry) {
	r.Path("/2022-07-01/telemetry").Methods(http.MethodPut).HandlerFunc(subscribe(telemetry.TelemetryAPI, bus, reg))
	r.Path("/2020-08-15/logs").Methods(http.MethodPut).HandlerFunc(subscribe(telemetry.LogsAPI, bus, reg))
}

// subscribe answers a subscription request of an extension.
func subscribe(api telemetry.API, bus *telemetry.Bus, reg *extension.Registry) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name, err := reg.Name(r.Header.Get(headerExtensionID))
		if err != nil {
			writeExtensionError(w, err)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, telemetry.MaxRequestBytes+1))
		if err != nil {
			writeError(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
			return
		}
		if err := bus.Subscribe(api, name, body); err != nil {
			writeTelemetryError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `"OK"`) // a failed write means the extension has gone; its process tells
	}
}

// writeTelemetryError answers with what the Bus refused.
func writeTelemetryError(w http.ResponseWriter, err error) {
	e := new(telemetry.Error)
	if errors.As(err, &e) {
		writeError(w, e.Status, e.Type, e.Message)
		return
	}
	writeError(w, http.StatusInternalServerError, "InternalServerError", "Internal Server Error")
}
