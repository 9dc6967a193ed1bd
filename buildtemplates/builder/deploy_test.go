package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// apiServer keeps objects and changes them as an API server does, and has the conditions that a test says.
type apiServer struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex
	objects map[string]map[string]any // by path
	writes  []string
	ready   []condition // of each look after a write; the last one stays
	refuse  int         // status for writes; 0 takes them
}

const (
	servicePath  = "/apis/serving.knative.dev/v1/namespaces/team/services"
	functionPath = "/apis/lambkin.dev/v1alpha1/namespaces/team/functions"
	oldImage     = "registry.example/fn@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	newImage     = "registry.example/fn@sha256:1111111111111111111111111111111111111111111111111111111111111111"
)

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	a := &apiServer{t: t, objects: map[string]map[string]any{}, ready: []condition{{Status: "True"}}}
	a.server = httptest.NewTLSServer(a)
	t.Cleanup(a.server.Close)
	return a
}

// account makes the folder of a service account that this server knows, and the environment of a pod.
func (a *apiServer) account() string {
	a.t.Helper()
	u, err := url.Parse(a.server.URL)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Setenv("KUBERNETES_SERVICE_HOST", u.Hostname())
	a.t.Setenv("KUBERNETES_SERVICE_PORT", u.Port())
	return secret(a.t, map[string]string{
		"token": "right\n", "ca.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.server.Certificate().Raw})),
	})
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if req.Header.Get("Authorization") != "Bearer right" {
		fail(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		a.t.Error(err)
	}
	if req.Method != http.MethodGet {
		a.writes = append(a.writes, req.Method+" "+req.URL.RequestURI())
		if a.refuse != 0 {
			fail(w, a.refuse, "services.serving.knative.dev is forbidden")
			return
		}
	}
	switch req.Method {
	case http.MethodPost:
		var made map[string]any
		if err := json.Unmarshal(body, &made); err != nil {
			a.t.Error(err)
		}
		name, _ := made["metadata"].(map[string]any)["name"].(string)
		made["metadata"].(map[string]any)["generation"] = 1.0
		a.objects[req.URL.Path+"/"+name] = made
		answer(w, made)
	case http.MethodPatch:
		if req.Header.Get("Content-Type") != "application/json-patch+json" {
			a.t.Errorf("patch of type %q", req.Header.Get("Content-Type"))
		}
		a.patch(w, a.objects[req.URL.Path], body)
	default:
		found := a.objects[req.URL.Path]
		if found == nil {
			fail(w, http.StatusNotFound, "not found")
			return
		}
		a.look(found)
		answer(w, found)
	}
}

// look gives the object the next condition.
func (a *apiServer) look(o map[string]any) {
	if len(a.writes) == 0 {
		return
	}
	now := a.ready[0]
	if len(a.ready) > 1 {
		a.ready = a.ready[1:]
	}
	now.Type = "Ready"
	o["status"] = map[string]any{
		"observedGeneration": o["metadata"].(map[string]any)["generation"], "url": "http://hello.team.example", "conditions": []any{map[string]any{"type": now.Type, "status": now.Status, "reason": now.Reason, "message": now.Message}},
	}
}

func (a *apiServer) patch(w http.ResponseWriter, o map[string]any, body []byte) {
	var operations []operation
	if err := json.Unmarshal(body, &operations); err != nil {
		a.t.Error(err)
	}
	for _, op := range operations {
		at := any(o)
		steps := strings.Split(strings.TrimPrefix(op.Path, "/"), "/")
		for _, step := range steps[:len(steps)-1] {
			if list, ok := at.([]any); ok {
				n, _ := strconv.Atoi(step)
				at = list[n]
				continue
			}
			at = at.(map[string]any)[step]
		}
		last := steps[len(steps)-1]
		parent := at.(map[string]any)
		switch op.Op {
		case "test":
			if parent[last] != op.Value {
				fail(w, http.StatusUnprocessableEntity, "test failed")
				return
			}
		case "replace":
			parent[last] = op.Value
		case "remove":
			delete(parent, last)
		}
	}
	meta := o["metadata"].(map[string]any)
	meta["generation"] = meta["generation"].(float64) + 1
	answer(w, o)
}

func answer(w http.ResponseWriter, o any) { _ = json.NewEncoder(w).Encode(o) }

func fail(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	answer(w, map[string]any{"kind": "Status", "message": message})
}

// put keeps an object that is there already.
func (a *apiServer) put(path, text string) {
	a.t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		a.t.Fatal(err)
	}
	a.objects[path] = o
}

func (a *apiServer) spec(path string) string {
	text, err := json.Marshal(a.objects[path]["spec"])
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// deployment runs deploy with short pauses, and gives its error.
func deployment(t *testing.T, a *apiServer, c deploy) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c.out, c.pause, c.namespace, c.name = &out, time.Millisecond, "team", "hello"
	if c.timeout == 0 {
		c.timeout = time.Minute
	}
	if c.protocol == "" {
		c.protocol = "lambda"
	}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	api, err := inCluster(a.account())
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), c.run(t.Context(), api)
}

func TestDeploy(t *testing.T) {
	const (
		confined = `{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}}`
		open     = `{"allowPrivilegeEscalation":false,"seccompProfile":{"type":"RuntimeDefault"}}`
		probe    = `{"failureThreshold":10,"httpGet":{"path":"/_lambkin/readyz"},"periodSeconds":3,"successThreshold":1,"timeoutSeconds":3}`
	)
	there := func(image string) string {
		return `{"metadata": {"generation": 4}, "spec": {"template": {"metadata": {"annotations": {"a": "b"}}, "spec": {"containers": [{"image": "` + image + `", "env": [{"name": "KEEP", "value": "me"}]}]}}, "traffic": []}}`
	}
	cases := map[string]struct {
		reason  string
		kind    string
		proto   string
		path    string
		there   string
		ready   []condition
		writes  []string
		spec    string
		variant []string
	}{
		"New": {
			reason: "One invocation at a time, ready when the function is, and confined.", kind: "Service", path: servicePath,
			variant: []string{"A=1", "B=x=y"}, writes: []string{"POST " + servicePath + "?fieldManager=lambkin-deploy"},
			spec: `{"template":{"spec":{"containerConcurrency":1,"containers":[{"env":[{"name":"A","value":"1"},{"name":"B","value":"x=y"}],"image":"` + newImage + `","readinessProbe":` + probe + `,"securityContext":` + confined + `}]}}}`,
		},
		"NewHTTP": {
			reason: "A server of its own knows nothing of that.", kind: "Service", proto: "http", path: servicePath,
			writes: []string{"POST " + servicePath + "?fieldManager=lambkin-deploy"},
			spec:   `{"template":{"spec":{"containers":[{"env":[],"image":"` + newImage + `","securityContext":` + open + `}]}}}`,
		},
		"Changed": {
			reason: "The image changes and nothing else, whoever set that; the variables are for new ones.", kind: "Service", path: servicePath, there: there(oldImage),
			variant: []string{"A=1"}, writes: []string{"PATCH " + servicePath + "/hello?fieldManager=lambkin-deploy"},
			spec: `{"template":{"metadata":{"annotations":{"a":"b"}},"spec":{"containers":[{"env":[{"name":"KEEP","value":"me"}],"image":"` + newImage + `"}]}},"traffic":[]}`,
		},
		"Unchanged": {
			reason: "An unchanged commit makes no new revision.", kind: "Service", path: servicePath,
			there: strings.Replace(there(newImage), `"spec"`, `"status": {"observedGeneration": 4, "url": "http://hello.team.example", "conditions": [{"type": "Ready", "status": "True"}]}, "spec"`, 1),
			spec:  `{"template":{"metadata":{"annotations":{"a":"b"}},"spec":{"containers":[{"env":[{"name":"KEEP","value":"me"}],"image":"` + newImage + `"}]}},"traffic":[]}`,
		},
		"NamedRevision": {
			reason: "A template with the name of a revision can make one only.", kind: "Service", path: servicePath,
			there:  `{"metadata": {"generation": 1}, "spec": {"template": {"metadata": {"name": "hello-v1"}, "spec": {"containers": [{"image": "` + oldImage + `"}]}}}}`,
			writes: []string{"PATCH " + servicePath + "/hello?fieldManager=lambkin-deploy"},
			spec:   `{"template":{"metadata":{},"spec":{"containers":[{"image":"` + newImage + `"}]}}}`,
		},
		"Slow": {
			reason: "It may look as if it had failed while it changes.", kind: "Service", path: servicePath,
			ready:  []condition{{Status: "Unknown"}, {Status: "False"}, {Status: "False"}, {Status: "Unknown"}, {Status: "False"}, {Status: "True"}},
			writes: []string{"POST " + servicePath + "?fieldManager=lambkin-deploy"},
			spec:   `{"template":{"spec":{"containerConcurrency":1,"containers":[{"env":[],"image":"` + newImage + `","readinessProbe":` + probe + `,"securityContext":` + confined + `}]}}}`,
		},
		"NewFunction": {
			reason: "Our controller does the rest.", kind: "Function", path: functionPath, variant: []string{"A=1"},
			writes: []string{"POST " + functionPath + "?fieldManager=lambkin-deploy"},
			spec:   `{"code":{"image":{"protocol":"lambda","uri":"` + newImage + `"}},"environment":{"variables":{"A":"1"}},"packageType":"Image"}`,
		},
		"ChangedFunction": {
			reason: "The image changes and nothing else.", kind: "Function", path: functionPath,
			there:  `{"metadata": {"generation": 4}, "spec": {"memorySize": 512, "code": {"image": {"uri": "` + oldImage + `", "command": ["x"]}}}}`,
			writes: []string{"PATCH " + functionPath + "/hello?fieldManager=lambkin-deploy"},
			spec:   `{"code":{"image":{"command":["x"],"uri":"` + newImage + `"}},"memorySize":512}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := newAPIServer(t)
			if tc.there != "" {
				a.put(tc.path+"/hello", tc.there)
			}
			if tc.ready != nil {
				a.ready = tc.ready
			}
			file := filepath.Join(t.TempDir(), "URL")
			out, err := deployment(t, a, deploy{kind: tc.kind, protocol: tc.proto, image: newImage, env: tc.variant, results: results{"URL": file}})
			if err != nil {
				t.Fatalf("%s\ndeploy: %v\n%s", tc.reason, err, out)
			}
			if diff := cmp.Diff(tc.writes, a.writes); diff != "" {
				t.Errorf("%s\nwrites -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.spec, a.spec(tc.path+"/hello")); diff != "" {
				t.Errorf("%s\nspec -want +got:\n%s", tc.reason, diff)
			}
			if got, _ := os.ReadFile(file); string(got) != "http://hello.team.example" {
				t.Errorf("%s\nURL is %q", tc.reason, got)
			}
		})
	}
}

func TestDeployFails(t *testing.T) {
	cases := map[string]struct {
		reason  string
		kind    string
		there   string
		ready   []condition
		refuse  int
		timeout time.Duration
		want    []string
	}{
		"NotReady": {
			reason: "The pipeline fails with the cause that Knative names.", kind: "Service",
			ready: []condition{{Status: "False", Reason: "RevisionFailed", Message: "the image cannot be pulled"}}, want: []string{"has the new image, but", "RevisionFailed: the image cannot be pulled"},
		},
		"Never": {
			reason: "Waiting ends, once there was time to look.", kind: "Service", timeout: 2 * time.Second,
			ready: []condition{{Status: "Unknown", Reason: "Deploying", Message: "soon"}}, want: []string{"in time", "Deploying: soon"},
		},
		"Forbidden": {reason: "The account has no rights here.", kind: "Service", refuse: http.StatusForbidden, want: []string{`Service "hello"`, "403", "is forbidden"}},
		"Owned": {
			reason: "Two would change it back and forth.", kind: "Service",
			there: `{"metadata": {"ownerReferences": [{"kind": "Function", "name": "hi", "controller": true}]}, "spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}`,
			want:  []string{`belongs to Function "hi"`},
		},
		"Raced": {
			reason: "Somebody else changed the image since we looked.", kind: "Service", refuse: http.StatusUnprocessableEntity,
			there: `{"metadata": {"generation": 1}, "spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}`, want: []string{"422"},
		},
		"NoContainer": {reason: "A Service that is none.", kind: "Service", there: `{"metadata": {}, "spec": {}}`, want: []string{"no container"}},
		"Source":      {reason: "The controller would build over it.", kind: "Function", there: `{"metadata": {}, "spec": {"code": {"source": {}}}}`, want: []string{"not an image"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := newAPIServer(t)
			a.refuse = tc.refuse
			if tc.ready != nil {
				a.ready = tc.ready
			}
			if tc.there != "" {
				a.put(map[string]string{"Service": servicePath, "Function": functionPath}[tc.kind]+"/hello", tc.there)
			}
			out, err := deployment(t, a, deploy{kind: tc.kind, image: newImage, timeout: tc.timeout})
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s\ndeploy: %v, want it to say %q\n%s", tc.reason, err, want, out)
				}
			}
		})
	}
}

func TestDeployUsage(t *testing.T) {
	good := []string{"deploy", "--name=hello", "--namespace=team", "--image=" + newImage}
	cases := map[string]struct {
		reason string
		args   []string
		status int
		want   string
	}{
		"Kind":     {reason: "A slip.", args: append(good, "--kind=Deployment"), status: 2, want: "neither Service nor Function"},
		"Name":     {reason: "A slip.", args: good[:1], status: 2, want: "--name and --namespace"},
		"Tag":      {reason: "Tags move.", args: append(good, "--image=registry.example/fn:latest"), status: 2, want: "not by digest"},
		"Protocol": {reason: "A slip.", args: append(good, "--protocol=grpc"), status: 2, want: "grpc"},
		"Variable": {reason: "Values are never told.", args: append(good, "--", "hunter2"), status: 2, want: "NAME=VALUE"},
		"Outside":  {reason: "It needs a cluster.", args: good, status: 1, want: "not a pod"},
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), tc.args, &out, &errs)
			if status != tc.status || !strings.Contains(errs.String(), tc.want) || strings.Contains(errs.String(), "hunter2") {
				t.Errorf("%s\ndeploy ends with %d and says %q, want %d and %q", tc.reason, status, errs.String(), tc.status, tc.want)
			}
		})
	}
}

func TestDeployAccounts(t *testing.T) {
	a := newAPIServer(t)
	good := a.account()
	cases := map[string]struct {
		reason  string
		account string
		want    string
	}{
		"Good":    {reason: "From the command line on.", account: good},
		"NoToken": {reason: "The volume is not mounted.", account: secret(t, map[string]string{"ca.crt": read(t, filepath.Join(good, "ca.crt"))}), want: "token of the service account"},
		"Wrong":   {reason: "It has ended.", account: secret(t, map[string]string{"ca.crt": read(t, filepath.Join(good, "ca.crt")), "token": "old"}), want: "401: Unauthorized"},
		"NoCA":    {reason: "Somebody else could be the API server.", account: secret(t, map[string]string{"token": "right"}), want: "certificate"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), []string{"deploy", "--name=hello", "--namespace=team", "--image=" + newImage, "--account=" + tc.account}, &out, &errs)
			if (status == 0) != (tc.want == "") || !strings.Contains(errs.String(), tc.want) {
				t.Errorf("%s\ndeploy ends with %d and says %q, want %q", tc.reason, status, errs.String(), tc.want)
			}
			if strings.Contains(out.String()+errs.String(), "old") {
				t.Errorf("%s\nthe log has the token", tc.reason)
			}
		})
	}
	t.Run("Away", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener.Close()
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		t.Setenv("KUBERNETES_SERVICE_PORT", port)
		var out, errs bytes.Buffer
		if run(t.Context(), []string{"deploy", "--name=hello", "--namespace=team", "--image=" + newImage, "--account=" + good}, &out, &errs) != statusTemporary || !strings.Contains(errs.String(), "cannot reach the API server") {
			t.Errorf("deploy says %q", errs.String())
		}
	})
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRun(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		status int
		out    string
		errors string
	}{
		"Nothing": {reason: "It says what there is.", args: nil, status: 2, errors: "fetch|bake|deploy"},
		"Unknown": {reason: "The same.", args: []string{"push"}, status: 2, errors: "fetch|bake|deploy"},
		"Help":    {reason: "Help is no error, and goes where it can be read page by page.", args: []string{"bake", "-help"}, status: 0, out: "-runtime-image image"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), tc.args, &out, &errs)
			if status != tc.status || !strings.Contains(out.String(), tc.out) || !strings.Contains(errs.String(), tc.errors) {
				t.Errorf("%s\nit ends with %d and says %q and %q", tc.reason, status, out.String(), errs.String())
			}
		})
	}
}
