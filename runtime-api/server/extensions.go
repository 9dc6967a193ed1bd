package server

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/lambkin-dev/lambkin/runtime-api/extension"
)

// Headers of the Extensions API.
const (
	headerExtensionName      = "Lambda-Extension-Name"
	headerExtensionID        = "Lambda-Extension-Identifier"
	headerExtensionFeature   = "Lambda-Extension-Accept-Feature"
	headerExtensionErrorType = "Lambda-Extension-Function-Error-Type"
	headerExtensionEventID   = "Lambda-Extension-Event-Identifier"
)

// maxExtensionBody bounds what is read of an extension's request.
const maxExtensionBody = 64 << 10

// extensionRoutes adds the Extensions API 2020-01-01 to r. An environment whose extensions are switched off does not
// call it, so that the paths answer 404.
func extensionRoutes(r *mux.Router, reg *extension.Registry) {
	const api = "/2020-01-01/extension/" // paths before methods: mux forgets a wrong method when a later one fits
	r.Path(api + "register").Methods(http.MethodPost).HandlerFunc(registerExtension(reg))
	r.Path(api + "event/next").Methods(http.MethodGet).HandlerFunc(nextExtensionEvent(reg))
	r.Path(api + "init/error").Methods(http.MethodPost).HandlerFunc(extensionError(reg.InitError))
	r.Path(api + "exit/error").Methods(http.MethodPost).HandlerFunc(extensionError(reg.ExitError))
}

// registerExtension answers POST /extension/register.
func registerExtension(reg *extension.Registry) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.Header.Get(headerExtensionName)
		events, err := registrationEvents(r.Body)
		if err != nil && name != "" {
			writeError(w, http.StatusForbidden, "InvalidRequestFormat", err.Error())
			return
		}
		id, reply, err := reg.Register(name, events, acceptsAccountID(r.Header))
		if err != nil {
			writeExtensionError(w, err)
			return
		}
		w.Header().Set(headerExtensionID, id)
		writeJSON(w, http.StatusOK, reply)
	}
}

// registrationEvents reads the body of a registration.
func registrationEvents(body io.Reader) ([]string, error) {
	raw, err := io.ReadAll(io.LimitReader(body, maxExtensionBody+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxExtensionBody {
		return nil, errors.New("request is too large")
	}
	var request struct {
		Events            []string `json:"events"`
		ConfigurationKeys []string `json:"configurationKeys"`
	}
	if err := json.Unmarshal(raw, &request); err != nil {
		return nil, err //nolint:wrapcheck // the API answers with the decoder's own words
	}
	if len(request.ConfigurationKeys) > 0 {
		return nil, errors.New("configurationKeys are deprecated; use environment variables instead")
	}
	return request.Events, nil
}

// acceptsAccountID says whether the comma-separated list of features names accountId.
func acceptsAccountID(h http.Header) bool {
	for feature := range strings.SplitSeq(h.Get(headerExtensionFeature), ",") {
		if strings.TrimSpace(feature) == "accountId" {
			return true
		}
	}
	return false
}

// nextExtensionEvent answers GET /extension/event/next. SHUTDOWN differs from INVOKE in its headers.
func nextExtensionEvent(reg *extension.Registry) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		event, err := reg.Next(r.Context(), r.Header.Get(headerExtensionID))
		if err != nil {
			writeExtensionError(w, err)
			return
		}
		body, err := json.Marshal(event)
		if err != nil {
			writeExtensionError(w, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if event.ID != "" {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set(headerExtensionEventID, event.ID)
		}
		_, _ = w.Write(append(body, '\n')) // a failed write means the extension has gone; its process tells
	}
}

// extensionError answers POST /extension/init/error and exit/error.
func extensionError(report func(id, errorType string, body []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxExtensionBody))
		if err != nil {
			body = nil // the report counts, even if its reasons got lost on the way
		}
		err = report(r.Header.Get(headerExtensionID), r.Header.Get(headerExtensionErrorType), body)
		if err != nil {
			writeExtensionError(w, err)
			return
		}
		writeStatus(w, http.StatusAccepted)
	}
}

// writeExtensionError answers with what the registry refused. Any other error is that of a caller that has gone, or of
// a server that ends: the answer is for the latter.
func writeExtensionError(w http.ResponseWriter, err error) {
	e := new(extension.Error)
	if errors.As(err, &e) {
		writeError(w, e.Status, e.Type, e.Message)
		return
	}
	writeError(w, http.StatusInternalServerError, "InternalServerError", "Internal Server Error")
}
