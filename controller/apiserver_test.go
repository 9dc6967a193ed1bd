package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// apiServer is as much of an API server as a manager needs: discovery of a few kinds, lists, watches in which nothing
// happens, and writes, which it hands to the test.
type apiServer struct {
	*httptest.Server
	writes chan write

	mu     sync.Mutex
	groups map[string][]metav1.APIResource // by group/version
	items  map[string][]any                // by plural name
	stop   chan struct{}                   // ends watches
}

// write is a request that changes something.
type write struct {
	method, path string
	body         map[string]any
}

func resource(kind, plural string) metav1.APIResource {
	return metav1.APIResource{Name: plural, Kind: kind, Namespaced: true, Verbs: metav1.Verbs{"get", "list", "watch", "patch", "create"}}
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{
		writes: make(chan write, 100), stop: make(chan struct{}), items: make(map[string][]any),
		groups: map[string][]metav1.APIResource{
			"v1":                   {resource("Pod", "pods"), resource("ConfigMap", "configmaps")},
			"events.k8s.io/v1":     {resource("Event", "events")},
			"networking.k8s.io/v1": {resource("NetworkPolicy", "networkpolicies")},
			"lambkin.dev/v1alpha1": {
				resource("Function", "functions"), resource("Version", "versions"), resource("Alias", "aliases"), resource("LayerVersion", "layerversions"),
				resource("FunctionURLConfig", "functionurlconfigs"), resource("ResourcePolicy", "resourcepolicies"), resource("CodeSigningConfig", "codesigningconfigs"), resource("AsyncInvocation", "asyncinvocations"),
			},
		},
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Server.Close)
	t.Cleanup(func() { close(s.stop) })
	return s
}

// install adds a group, as one does who installs something on the cluster.
func (s *apiServer) install(groupVersion string, resources ...metav1.APIResource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[groupVersion] = resources
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	groupVersion, rest := "v1", parts[min(2, len(parts)):]
	if parts[0] == "apis" && len(parts) >= 3 {
		groupVersion, rest = parts[1]+"/"+parts[2], parts[3:]
	}
	if len(rest) > 2 && rest[0] == "namespaces" {
		rest = rest[2:]
	}
	switch {
	case len(parts) == 1:
		s.discover(w, parts[0])
	case len(rest) == 0:
		s.resources(w, groupVersion)
	case r.Method != http.MethodGet:
		s.write(w, r)
	case r.URL.Query().Has("sendInitialEvents"):
		refuse(w, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid) // clients list instead
	case r.URL.Query().Get("watch") == "true":
		s.watch(w, r)
	case len(rest) > 1:
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound)
	default:
		s.list(w, groupVersion, rest[0])
	}
}

// discover tells the groups, in the form of before there was a shorter one.
func (s *apiServer) discover(w http.ResponseWriter, root string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if root == "api" {
		reply(w, metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}})
		return
	}
	list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	for gv := range s.groups {
		group, version, ok := strings.Cut(gv, "/")
		if !ok {
			continue
		}
		v := metav1.GroupVersionForDiscovery{GroupVersion: gv, Version: version}
		list.Groups = append(list.Groups, metav1.APIGroup{Name: group, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v})
	}
	reply(w, list)
}

func (s *apiServer) resources(w http.ResponseWriter, groupVersion string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.groups[groupVersion]
	if !ok {
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound)
		return
	}
	reply(w, metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: groupVersion, APIResources: found})
}

func (s *apiServer) list(w http.ResponseWriter, groupVersion, plural string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.groups[groupVersion] {
		if r.Name == plural {
			items := s.items[plural]
			if items == nil {
				items = []any{}
			}
			reply(w, map[string]any{"kind": r.Kind + "List", "apiVersion": groupVersion, "metadata": map[string]any{"resourceVersion": "1"}, "items": items})
			return
		}
	}
	refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound)
}

// watch says nothing until the end.
func (s *apiServer) watch(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	select {
	case <-r.Context().Done():
	case <-s.stop:
	}
}

// write hands a request to the test and answers with what was sent.
func (s *apiServer) write(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	body := make(map[string]any)
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest)
		return
	}
	s.writes <- write{r.Method, r.URL.Path, body}
	reply(w, body)
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason,
	})
}
