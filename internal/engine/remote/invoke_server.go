package remote

import (
	"net/http"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// invokeOperation is one of the Lambda API's two operations that run functions.
type invokeOperation func(o *awshttp.Operations, w http.ResponseWriter, r *http.Request, fn lambda.Reference)

// invoke serves an operation, with all that the port says of an invocation and its result.
func (s *handler) invoke(op invokeOperation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		plane, err := s.plane(r)
		if err != nil {
			awshttp.WriteError(w, err)
			return
		}
		fn, err := awshttp.ParseTarget(r.PathValue("function"), r)
		if err != nil {
			awshttp.WriteError(w, err)
			return
		}
		all := &awshttp.Operations{Invoker: plane, Async: awshttp.AsyncInvokerFunc(plane.Enqueue), Log: s.log}
		op(all.Carrying(w, r, true), w, r, fn)
	}
}
