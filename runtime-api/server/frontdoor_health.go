package server

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/mux"
)

// HealthPrefix is the part of the front door's path space that is not the function's.
const HealthPrefix = "/_lambkin/"

// probePatience is how long a probe may wait for a pod to become ready: nearly the three seconds that the probes of our
// Knative Services may take. Probers with less patience take no answer for a no.
const probePatience = 2900 * time.Millisecond

// NewHealth answers GET /_lambkin/healthz with live and GET /_lambkin/readyz with ready: 200 if they return nil, else
// 503 with the reason. Both are called for every probe, from many goroutines.
//
// ready may wait for the better until its context ends, so that a prober learns of it at once rather than when it asks
// again.
func NewHealth(live, ready func(context.Context) error) http.Handler {
	r := mux.NewRouter()
	r.Methods(http.MethodGet, http.MethodHead).Path(HealthPrefix + "healthz").HandlerFunc(probe(live))
	r.Methods(http.MethodGet, http.MethodHead).Path(HealthPrefix + "readyz").HandlerFunc(probe(ready))
	return r
}

func probe(check func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probePatience)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := check(ctx); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, err.Error()+"\n") // a prober that has gone needs no answer
			return
		}
		_, _ = io.WriteString(w, "ok\n") // same
	}
}
