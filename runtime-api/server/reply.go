package server

import (
	"encoding/json"
	"io"
	"net/http"
)

// statusOK is the body of every accepted call that has nothing else to say.
const statusOK = `{"status":"OK"}` + "\n"

// errorReply is the body of every refused call. The order of the members is part of the contract.
type errorReply struct {
	ErrorMessage string `json:"errorMessage"`
	ErrorType    string `json:"errorType"`
}

// writeStatus answers code with {"status":"OK"}, as the Runtime and Extensions APIs do. It is on the path of every
// invocation, so nothing is encoded.
func writeStatus(w http.ResponseWriter, code int) { //nolint:unparam // the status belongs to the call that is answered
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, statusOK) // a failed write means the caller has gone; nobody is left to tell
}

// writeError answers code with {"errorMessage","errorType"}, as the Runtime and Extensions APIs do.
func writeError(w http.ResponseWriter, code int, errorType, message string) {
	writeJSON(w, code, errorReply{ErrorMessage: message, ErrorType: errorType})
}

// writeJSON answers code with v as JSON and a newline. Characters such as < and & go out as they are: readers of
// these replies are programs and terminals, not browsers.
func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // as above
}
