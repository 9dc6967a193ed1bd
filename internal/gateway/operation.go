package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

//go:generate go run ./operations

// operation is one row of the API's model.
type operation struct {
	name   string
	method string
	path   string // with {Labels}; a slash may follow it
	query  string // a fixed key=value that tells it from others of the same path, or empty
	status int    // of success
}

// hasLabel reports whether the path names something under that label.
func (op operation) hasLabel(label string) bool { return strings.Contains(op.path, "{"+label+"}") }

// handler is how an operation is done.
type handler struct {
	// call does it and gives the reply's body; nil means none.
	call func(*call) (any, error)
	// raw does it and writes the reply itself; it is for operations whose bodies are not JSON.
	raw func(*call)
	// input is the zero value of what the body is decoded into, from which the refused members are listed.
	input any
	// refuses says in words what else is refused.
	refuses string
}

// ordered puts the operations in the order in which they are tried: first those that run functions, because they carry
// the load; then those that a query tells from another of the same path.
func ordered(ops []operation) []operation {
	slices.SortStableFunc(ops, func(a, b operation) int { return rank(b) - rank(a) })
	return ops
}

func rank(op operation) int {
	switch {
	case op.name == "Invoke":
		return 3
	case op.name == "InvokeWithResponseStream":
		return 2
	case op.query != "":
		return 1
	default:
		return 0
	}
}

// operation makes the HTTP handler of one operation.
func (g *gateway) operation(op operation, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, r: r, op: op, bodies: g.bodies}
		defer g.audit(c)
		err := g.authorize(c)
		switch {
		case err != nil:
			g.fail(c, err)
		case h.raw != nil:
			h.raw(c)
		case h.call != nil:
			g.reply(c, h)
		default:
			awshttp.WriteError(w, refusal(op.name))
		}
	})
}

// status is a reply without a body whose status is not the model's.
type status int

// reply does the operation and writes what came of it.
func (g *gateway) reply(c *call, h handler) {
	out, err := h.call(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	if code, ok := out.(status); ok {
		c.w.WriteHeader(int(code))
		return
	}
	if out == nil {
		c.w.WriteHeader(c.op.status)
		return
	}
	body, err := json.Marshal(out)
	if err != nil {
		g.fail(c, err)
		return
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(c.op.status)
	_, _ = c.w.Write(body) // a caller that has gone needs no answer
}

// fail answers with an error; what the caller must not see goes to the log.
func (g *gateway) fail(c *call, err error) {
	if e := lambda.AsError(err); e.Code.Status() >= http.StatusInternalServerError && e.Err != nil {
		g.Logger.ErrorContext(c.r.Context(), "operation failed", "operation", c.op.name, "requestId", awshttp.RequestID(c.w), "error", e.Err)
	}
	awshttp.WriteError(c.w, err)
}

// call is one request for an operation.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	op     operation
	bodies awshttp.BodyReader
	values url.Values

	resource string // that the operation is about, as policies name it
	denied   bool   // by a policy
}

// label is a part of the path, decoded: SDKs encode the colons of ARNs.
func (c *call) label(name string) string {
	segment := mux.Vars(c.r)[name]
	if text, err := url.PathUnescape(segment); err == nil {
		return text
	}
	return segment
}

// query is the first value of a query parameter.
func (c *call) query(name string) string { return c.queries().Get(name) }

func (c *call) queries() url.Values {
	if c.values == nil {
		c.values = c.r.URL.Query()
	}
	return c.values
}
