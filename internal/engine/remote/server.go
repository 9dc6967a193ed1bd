package remote

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/awshttp"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

const (
	// maxObject is the largest object taken, as in etcd.
	maxObject = 1 << 20
	// readPatience is how long a body may give no byte.
	readPatience = 30 * time.Second
)

// Handler serves an engine at the paths of the package comment. Wrap it in a [Guard].
func Handler(e engine.Engine) http.Handler {
	s := &handler{engine: e, plane: func(*http.Request) (Plane, error) { return e, nil }}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+objectsPath+"{plural}", s.collection(s.list))
	mux.HandleFunc("POST "+objectsPath+"{plural}", s.collection(s.create))
	mux.HandleFunc("GET "+objectsPath+"{plural}/{name}", s.collection(s.get))
	mux.HandleFunc("PUT "+objectsPath+"{plural}/{name}", s.collection(s.update))
	mux.HandleFunc("DELETE "+objectsPath+"{plural}/{name}", s.collection(s.remove))
	mux.HandleFunc("GET /apis/"+v1alpha1.Group+"/v1alpha1", discover)
	mux.HandleFunc("GET "+lambkinPath+logsPath+"{function}", s.logs)
	s.servePlane(mux, lambkinPath)
	return mux
}

// PlaneHandler serves the planes of all namespaces at
//
//	POST|GET    /lambkin/v1/namespaces/{namespace}/code, …/code/{sha256}
//	POST        /lambkin/v1/namespaces/{namespace}/functions/{function}/invocations, …/response-streaming-invocations
//
// The log, which may be nil, takes the causes of failures that callers may not see.
func PlaneHandler(of func(namespace string) (Plane, error), log *slog.Logger) http.Handler {
	s := &handler{plane: func(r *http.Request) (Plane, error) { return of(r.PathValue("namespace")) }, log: log}
	mux := http.NewServeMux()
	s.servePlane(mux, lambkinPath+namespacesPath+"{namespace}/")
	return mux
}

func (s *handler) servePlane(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("POST "+prefix+codePath, s.putCode)
	mux.HandleFunc("GET "+prefix+codePath+"/{sha256}", s.openCode)
	invocations := prefix + functionsPath + "{function}/"
	mux.HandleFunc("POST "+invocations+"invocations", s.invoke((*awshttp.Operations).Invoke))
	mux.HandleFunc("POST "+invocations+"response-streaming-invocations", s.invoke((*awshttp.Operations).InvokeWithResponseStream))
}

// handler serves requests. Each plane request asks for its plane, since a gateway has one for each namespace.
type handler struct {
	engine engine.Engine // of objects and logs
	plane  func(r *http.Request) (Plane, error)
	log    *slog.Logger // nil tells nobody
}

// operation answers a request about one resource.
type operation func(w http.ResponseWriter, r *http.Request, res resource) error

// collection finds the resource of the path and writes the operation's error, if any.
func (s *handler) collection(op operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		res, ok := resourceNamed(r.PathValue("plural"))
		if !ok {
			writeError(w, r, lambda.Errorf(lambda.CodeResourceNotFound, "%s has no resource %q", v1alpha1.GroupVersion(), r.PathValue("plural")))
			return
		}
		if err := op(w, r, res); err != nil {
			writeError(w, r, err)
		}
	}
}

func (s *handler) get(w http.ResponseWriter, r *http.Request, res resource) error {
	obj := res.object()
	if err := s.engine.Get(r.Context(), r.PathValue("name"), obj); err != nil {
		return err
	}
	stamp(obj, res.kind)
	writeJSON(w, http.StatusOK, obj)
	return nil
}

func (s *handler) list(w http.ResponseWriter, r *http.Request, res resource) error {
	if r.URL.Query().Has("watch") || r.URL.Query().Has("fieldSelector") {
		return lambda.Errorf(lambda.CodeNotImplemented, "lists take labelSelector only; poll instead of watching")
	}
	selector, err := labels.ConvertSelectorToLabelsMap(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "labelSelector %q: only KEY=VALUE terms are understood: %v", r.URL.Query().Get("labelSelector"), err)
	}
	list := res.list()
	if err := s.fillList(r, list, selector); err != nil {
		return err
	}
	stamp(list, res.kind+"List")
	neverNull(list)
	writeJSON(w, http.StatusOK, list)
	return nil
}

// fillList fills list with everything, or with the page that the request asks for.
func (s *handler) fillList(r *http.Request, list runtime.Object, selector map[string]string) error {
	limit, after := r.URL.Query().Get("limit"), r.URL.Query().Get("continue")
	if limit == "" && after == "" {
		return s.engine.List(r.Context(), list, selector)
	}
	n, err := strconv.Atoi(limit)
	if err != nil || n < 1 {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "limit %q must be a number above 0", limit)
	}
	next, err := s.engine.ListPage(r.Context(), list, selector, engine.Page{Limit: n, After: after})
	if err != nil {
		return err
	}
	meta, err := meta.ListAccessor(list)
	if err != nil {
		return fmt.Errorf("read %T: %w", list, err)
	}
	meta.SetContinue(next)
	return nil
}

func (s *handler) create(w http.ResponseWriter, r *http.Request, res resource) error {
	obj, err := readObject(w, r, res)
	if err != nil {
		return err
	}
	if err := s.engine.Create(r.Context(), obj); err != nil {
		return err
	}
	stamp(obj, res.kind)
	writeJSON(w, http.StatusCreated, obj)
	return nil
}

func (s *handler) update(w http.ResponseWriter, r *http.Request, res resource) error {
	obj, err := readObject(w, r, res)
	if err != nil {
		return err
	}
	if name := r.PathValue("name"); obj.GetName() != name {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "the object is named %q but the path says %q", obj.GetName(), name)
	}
	if err := s.engine.Update(r.Context(), obj); err != nil {
		return err
	}
	stamp(obj, res.kind)
	writeJSON(w, http.StatusOK, obj)
	return nil
}

func (s *handler) remove(w http.ResponseWriter, r *http.Request, res resource) error {
	opts, err := deleteOptions(w, r)
	if err != nil {
		return err
	}
	obj := res.object()
	obj.SetName(r.PathValue("name"))
	if p := opts.Preconditions; p != nil && p.ResourceVersion != nil {
		obj.SetResourceVersion(*p.ResourceVersion)
	}
	if err := s.engine.Delete(r.Context(), obj); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess, Code: http.StatusOK,
	})
	return nil
}

func deleteOptions(w http.ResponseWriter, r *http.Request) (metav1.DeleteOptions, error) {
	var opts metav1.DeleteOptions
	body, err := readBody(w, r)
	if err != nil || len(body) == 0 {
		return opts, err
	}
	if err := unmarshal(body, &opts); err != nil {
		return opts, lambda.Errorf(lambda.CodeInvalidRequestContent, "the body is not a DeleteOptions document: %v", err)
	}
	return opts, nil
}

// readObject reads an object of the resource, naming all unknown members at once.
func readObject(w http.ResponseWriter, r *http.Request, res resource) (v1alpha1.Object, error) {
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	dec, err := decoder()
	if err != nil {
		return nil, err
	}
	gvk := v1alpha1.GroupVersion().WithKind(res.kind)
	got, actual, err := dec.Decode(body, &gvk, nil)
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		return nil, &lambda.Error{Code: lambda.CodeInvalidParameterValue, Message: strict.Error(), Err: strictFaults(strict.Errors())}
	}
	if err != nil {
		return nil, lambda.Errorf(lambda.CodeInvalidRequestContent, "the body is not a %s object: %v", res.kind, err)
	}
	obj, ok := got.(v1alpha1.Object)
	if !ok || *actual != gvk {
		return nil, lambda.Errorf(lambda.CodeInvalidParameterValue, "the object is a %s, the path takes a %s of %s", actual.Kind, res.kind, gvk.GroupVersion())
	}
	if obj.GetName() == "" {
		obj.Default() // which gives it the name that follows from its spec
	}
	return obj, checkNamespace(obj)
}

func strictFaults(errs []error) Faults {
	faults := make(Faults, 0, len(errs))
	for _, e := range errs {
		faults = append(faults, Fault{Detail: e.Error(), Type: "FieldValueForbidden"})
	}
	return faults
}

func checkNamespace(obj v1alpha1.Object) error {
	if ns := obj.GetNamespace(); ns != "" && ns != Namespace {
		return lambda.Errorf(lambda.CodeInvalidParameterValue, "metadata.namespace %q: this server has only the namespace %q", ns, Namespace)
	}
	return nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, patient(w, r), maxObject))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, lambda.Errorf(lambda.CodeRequestEntityTooLarge, "an object may have at most %d bytes", maxObject)
	}
	if known := new(lambda.Error); errors.As(err, &known) {
		return nil, known // its signature is wrong
	}
	if err != nil {
		return nil, &lambda.Error{Code: lambda.CodeInvalidRequestContent, Message: "the body ended early or came too slowly", Err: err}
	}
	return body, nil
}

// patientBody gives up on a body that stands still, however large it is.
type patientBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

func patient(w http.ResponseWriter, r *http.Request) io.ReadCloser {
	return patientBody{r.Body, http.NewResponseController(w)}
}

// Read reads with a deadline of its own. Writers without deadlines (tests) are read without one.
func (b patientBody) Read(p []byte) (int, error) {
	_ = b.conn.SetReadDeadline(time.Now().Add(readPatience))
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (s *handler) putCode(w http.ResponseWriter, r *http.Request) {
	plane, err := s.plane(r)
	if err != nil {
		writeError(w, r, err)
		return
	}
	limit, err := strconv.ParseInt(r.URL.Query().Get("limit"), 10, 64)
	if err != nil || limit <= 0 || limit > lambda.MaxUnzipped {
		limit = lambda.MaxUnzipped
	}
	blob, err := plane.PutCode(r.Context(), patient(w, r), limit)
	if err != nil {
		writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, blob)
}

func (s *handler) openCode(w http.ResponseWriter, r *http.Request) {
	plane, err := s.plane(r)
	if err != nil {
		writeError(w, r, err)
		return
	}
	size, err := strconv.ParseInt(r.URL.Query().Get("size"), 10, 64)
	if err != nil || size < 0 {
		size = 0 // then it is for the engine to know
	}
	code, err := plane.OpenCode(r.Context(), v1alpha1.Blob{SHA256: r.PathValue("sha256"), Size: size})
	if err != nil {
		writeError(w, r, err)
		return
	}
	defer func() { _ = code.Close() }()
	w.Header().Set("Content-Type", "application/zip")
	_, _ = io.Copy(w, code) // the digest in the path tells the caller whether all came
}

func (s *handler) logs(w http.ResponseWriter, r *http.Request) {
	opts, err := logOptions(r)
	if err != nil {
		writeError(w, r, err)
		return
	}
	out := &liveWriter{w: w, conn: http.NewResponseController(w)}
	if opts.Follow {
		out.start()
	}
	if err := s.engine.Logs(r.Context(), lambda.Name(r.PathValue("function")), opts, out); err != nil && !out.started {
		writeError(w, r, err)
		return
	}
	out.start()
}

func logOptions(r *http.Request) (engine.LogOptions, error) {
	var opts engine.LogOptions
	q := r.URL.Query()
	opts.Follow = q.Get("follow") == "true"
	if s := q.Get("since"); s != "" {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return opts, lambda.Errorf(lambda.CodeInvalidParameterValue, "since %q is not a time such as 2026-01-31T00:00:00Z", s)
		}
		opts.Since = t
	}
	if s := q.Get("tail"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return opts, lambda.Errorf(lambda.CodeInvalidParameterValue, "tail %q is not a number of lines", s)
		}
		opts.Tail = n
	}
	return opts, nil
}

// liveWriter passes on each line at once. Its head goes out with the first line, so that an error before can still be told.
type liveWriter struct {
	w       http.ResponseWriter
	conn    *http.ResponseController
	started bool
}

func (l *liveWriter) start() {
	if l.started {
		return
	}
	l.started = true
	l.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	l.w.WriteHeader(http.StatusOK)
	_ = l.conn.Flush() // a caller that has gone is noticed by the next Write
}

// Write sends p before it returns.
func (l *liveWriter) Write(p []byte) (int, error) {
	l.start()
	n, err := l.w.Write(p)
	if err != nil {
		return n, fmt.Errorf("send log: %w", err)
	}
	_ = l.conn.Flush() // same
	return n, nil
}

// discover lists the resources, as clients of Kubernetes ask before anything else.
func discover(w http.ResponseWriter, _ *http.Request) {
	list := metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"},
		GroupVersion: v1alpha1.GroupVersion().String(),
	}
	for _, r := range resources() {
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: r.plural, SingularName: strings.ToLower(r.kind), Namespaced: true, Kind: r.kind,
			Verbs: metav1.Verbs{"get", "list", "create", "update", "delete"},
		})
	}
	writeJSON(w, http.StatusOK, list)
}
