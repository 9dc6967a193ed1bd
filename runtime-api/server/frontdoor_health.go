package server

import (
	"io"
	"net/http"

	"github.com/gorilla/mux"
)

// HealthPrefix is the part of the front door's path space that is not the function's.
const HealthPrefix = "/_lambkin/"

// NewHealth answers GET /_lambkin/healthz with live and GET /_lambkin/readyz with ready: 200 if they return nil, else
// 503 with the reason. Both are called for every probe, from many goroutines.
func NewHealth(live, ready func() error) http.Handler {
	r := mux.NewRouter()
	r.Methods(http.MethodGet, http.MethodHead).Path(HealthPrefix + "healthz").HandlerFunc(probe(live))
	r.Methods(http.MethodGet, http.MethodHead).Path(HealthPrefix + "readyz").HandlerFunc(probe(ready))
	return r
}

func probe(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := check(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, err.Error()+"\n") // a prober that has gone needs no answer
			return
		}
		_, _ = io.WriteString(w, "ok\n") // same
	}
}
