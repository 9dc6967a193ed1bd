package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/policy"
)

// kind is one kind of object as people name and see it.
type kind struct {
	names []string // the first is the plural of the help; the others are short forms and tm's words
	head  []string
	wide  []string
	list  func(ctx context.Context, e engine.Objects, labels map[string]string) ([]v1alpha1.Object, error)
	row   func(obj v1alpha1.Object, now time.Time) []string
	more  func(obj v1alpha1.Object) []string
	// object makes an empty one, to read one by its object name.
	object func() v1alpha1.Object
}

func kinds() []kind {
	return []kind{functionKind(), versionKind(), aliasKind(), layerKind(), urlKind(), policyKind(), codeSigningKind()}
}

// kindNamed finds a kind by any of its names.
func kindNamed(name string) (kind, bool) {
	for _, k := range kinds() {
		if slices.Contains(k.names, name) {
			return k, true
		}
	}
	return kind{}, false
}

// clusterKinds are kinds of tm that are none of ours.
func clusterKinds() []string {
	return []string{"channel", "channels", "task", "tasks", "pipelineresource", "pipelineresources"}
}

// errForeignKind says that a kind is somebody else's.
var errForeignKind = errors.New("this is no kind of Lambkin's: channels are Knative's and tasks are Tekton's (kubectl shows both), " +
	"pipelineresources are gone from Tekton, and functions have builds of their own (\"lambkin get builds\")")

// noSuchKind says why one of clusterKinds is not there.
func (a *App) noSuchKind() error {
	if a.onCluster() {
		return errForeignKind
	}
	return errClusterOnly
}

func functionKind() kind {
	return kind{
		names: []string{"functions", "function", "fn", "service", "services", "svc", "ksvc"},
		head:  []string{"NAME", "RUNTIME", "READY", "REASON", "VERSION", "AGE", "URL"},
		wide:  []string{"HANDLER", "MEMORY", "TIMEOUT", "CODE", "REVISION"},
		list: func(ctx context.Context, e engine.Objects, labels map[string]string) ([]v1alpha1.Object, error) {
			l := new(v1alpha1.FunctionList)
			err := e.List(ctx, l, labels)
			return pointers[v1alpha1.Function](l.Items), err
		},
		row:    functionRow,
		more:   functionMore,
		object: func() v1alpha1.Object { return new(v1alpha1.Function) },
	}
}

func functionRow(obj v1alpha1.Object, now time.Time) []string {
	fn, _ := obj.(*v1alpha1.Function)
	ready, reason := readiness(fn.Status.Conditions)
	version := "$LATEST"
	if n := fn.Status.LatestVersion; n > 0 {
		version = strconv.FormatInt(n, 10)
	}
	return []string{lambdaName(fn), cmp.Or(fn.Spec.Runtime, "image"), ready, reason, version, age(now, fn), fn.Status.URL}
}

func functionMore(obj v1alpha1.Object) []string {
	fn, _ := obj.(*v1alpha1.Function)
	s := fn.Spec.Effective(fn.Status.Protocol)
	return []string{s.Handler, quantity(s.MemorySize, "MB"), quantity(s.Timeout, "s"), terminal.Bytes(fn.Status.CodeSize), fn.Status.Revision}
}

func versionKind() kind {
	return kind{
		names: []string{"versions", "version", "revision", "revisions", "configuration", "configurations"},
		head:  []string{"FUNCTION", "VERSION", "READY", "REASON", "AGE", "DESCRIPTION"},
		wide:  []string{"RUNTIME", "CODE"},
		list: func(ctx context.Context, e engine.Objects, labels map[string]string) ([]v1alpha1.Object, error) {
			l := new(v1alpha1.VersionList)
			err := e.List(ctx, l, labels)
			slices.SortFunc(l.Items, func(a, b v1alpha1.Version) int {
				return cmp.Or(cmp.Compare(a.Spec.FunctionName, b.Spec.FunctionName), cmp.Compare(a.Spec.Version, b.Spec.Version))
			})
			return pointers[v1alpha1.Version](l.Items), err
		},
		row: func(obj v1alpha1.Object, now time.Time) []string {
			v, _ := obj.(*v1alpha1.Version)
			ready, reason := readiness(v.Status.Conditions)
			return []string{v.Spec.FunctionName, strconv.FormatInt(v.Spec.Version, 10), ready, reason, age(now, v), v.Spec.Function.Description}
		},
		more: func(obj v1alpha1.Object) []string {
			v, _ := obj.(*v1alpha1.Version)
			return []string{v.Spec.Function.Runtime, terminal.Bytes(v.Status.CodeSize)}
		},
		object: func() v1alpha1.Object { return new(v1alpha1.Version) },
	}
}

func aliasKind() kind {
	return kind{
		names: []string{"aliases", "alias", "route", "routes"},
		head:  []string{"FUNCTION", "ALIAS", "TRAFFIC", "READY", "REASON", "AGE", "URL"},
		wide:  []string{"DESCRIPTION"},
		list: func(ctx context.Context, e engine.Objects, labels map[string]string) ([]v1alpha1.Object, error) {
			l := new(v1alpha1.AliasList)
			err := e.List(ctx, l, labels)
			return pointers[v1alpha1.Alias](l.Items), err
		},
		row: func(obj v1alpha1.Object, now time.Time) []string {
			al, _ := obj.(*v1alpha1.Alias)
			ready, reason := readiness(al.Status.Conditions)
			return []string{al.Spec.FunctionName, al.Spec.Name, trafficOf(al.Spec), ready, reason, age(now, al), al.Status.URL}
		},
		more: func(obj v1alpha1.Object) []string {
			al, _ := obj.(*v1alpha1.Alias)
			return []string{al.Spec.Description}
		},
		object: func() v1alpha1.Object { return new(v1alpha1.Alias) },
	}
}

func layerKind() kind {
	return kind{
		names: []string{"layers", "layer", "layerversions", "layerversion"},
		head:  []string{"LAYER", "VERSION", "SIZE", "AGE", "DESCRIPTION"},
		wide:  []string{"ARN"},
		list: func(ctx context.Context, e engine.Objects, labels map[string]string) ([]v1alpha1.Object, error) {
			l := new(v1alpha1.LayerVersionList)
			err := e.List(ctx, l, labels)
			l.Items = slices.DeleteFunc(l.Items, func(l v1alpha1.LayerVersion) bool { return engine.Deleted(&l) })
			slices.SortFunc(l.Items, func(a, b v1alpha1.LayerVersion) int {
				return cmp.Or(cmp.Compare(a.Spec.LayerName, b.Spec.LayerName), cmp.Compare(a.Spec.Version, b.Spec.Version))
			})
			return pointers[v1alpha1.LayerVersion](l.Items), err
		},
		row: func(obj v1alpha1.Object, now time.Time) []string {
			l, _ := obj.(*v1alpha1.LayerVersion)
			return []string{l.Spec.LayerName, strconv.FormatInt(l.Spec.Version, 10), terminal.Bytes(l.Spec.Content.Size), age(now, l), l.Spec.Description}
		},
		more: func(obj v1alpha1.Object) []string {
			l, _ := obj.(*v1alpha1.LayerVersion)
			return []string{layerARN(l.Spec.LayerName, l.Spec.Version)}
		},
		object: func() v1alpha1.Object { return new(v1alpha1.LayerVersion) },
	}
}

func urlKind() kind {
	return kind{
		names: []string{"urls", "url", "functionurlconfigs", "functionurlconfig"},
		head:  []string{"FUNCTION", "QUALIFIER", "AUTH", "MODE", "AGE", "URL"},
		wide:  []string{"READY"},
		list: func(ctx context.Context, e engine.Objects, labels map[string]string) ([]v1alpha1.Object, error) {
			l := new(v1alpha1.FunctionURLConfigList)
			err := e.List(ctx, l, labels)
			return pointers[v1alpha1.FunctionURLConfig](l.Items), err
		},
		row: func(obj v1alpha1.Object, now time.Time) []string {
			u, _ := obj.(*v1alpha1.FunctionURLConfig)
			return []string{u.Spec.FunctionName, u.Spec.Qualifier, string(u.Spec.AuthType), string(u.Spec.InvokeMode), age(now, u), u.Status.URL}
		},
		more: func(obj v1alpha1.Object) []string {
			u, _ := obj.(*v1alpha1.FunctionURLConfig)
			ready, _ := readiness(u.Status.Conditions)
			return []string{ready}
		},
		object: func() v1alpha1.Object { return new(v1alpha1.FunctionURLConfig) },
	}
}

func policyKind() kind {
	return kind{
		names: []string{"policies", "policy", "resourcepolicies", "resourcepolicy"},
		head:  []string{"OF", "STATEMENTS", "READY", "REASON", "AGE"},
		wide:  []string{"POLICY"},
		list: func(ctx context.Context, e engine.Objects, labels map[string]string) ([]v1alpha1.Object, error) {
			l := new(v1alpha1.ResourcePolicyList)
			err := e.List(ctx, l, labels)
			return pointers[v1alpha1.ResourcePolicy](l.Items), err
		},
		row: func(obj v1alpha1.Object, now time.Time) []string {
			p, _ := obj.(*v1alpha1.ResourcePolicy)
			ready, reason := readiness(p.Status.Conditions)
			statements := "?"
			if doc, err := policy.ParseResource([]byte(p.Spec.Policy)); err == nil {
				statements = strconv.Itoa(len(doc.Statements))
			}
			return []string{guarded(&p.Spec), statements, ready, reason, age(now, p)}
		},
		more: func(obj v1alpha1.Object) []string {
			p, _ := obj.(*v1alpha1.ResourcePolicy)
			return []string{strings.Join(strings.Fields(p.Spec.Policy), " ")}
		},
		object: func() v1alpha1.Object { return new(v1alpha1.ResourcePolicy) },
	}
}

// guarded is what a policy is for.
func guarded(spec *v1alpha1.ResourcePolicySpec) string {
	switch {
	case spec.LayerName != "":
		return fmt.Sprintf("layer %s:%d", spec.LayerName, spec.LayerVersion)
	case spec.Qualifier != "":
		return spec.FunctionName + ":" + spec.Qualifier
	default:
		return spec.FunctionName
	}
}

func codeSigningKind() kind {
	return kind{
		names: []string{"codesigningconfigs", "codesigningconfig", "csc"},
		head:  []string{"ID", "POLICY", "AGE", "DESCRIPTION"},
		wide:  []string{"PUBLISHERS"},
		list: func(ctx context.Context, e engine.Objects, labels map[string]string) ([]v1alpha1.Object, error) {
			l := new(v1alpha1.CodeSigningConfigList)
			err := e.List(ctx, l, labels)
			return pointers[v1alpha1.CodeSigningConfig](l.Items), err
		},
		row: func(obj v1alpha1.Object, now time.Time) []string {
			c, _ := obj.(*v1alpha1.CodeSigningConfig)
			return []string{c.Name, string(c.Spec.UntrustedArtifactOnDeployment), age(now, c), c.Spec.Description}
		},
		more: func(obj v1alpha1.Object) []string {
			c, _ := obj.(*v1alpha1.CodeSigningConfig)
			return []string{strings.Join(c.Spec.AllowedPublishers.SigningProfileVersionARNs, " ")}
		},
		object: func() v1alpha1.Object { return new(v1alpha1.CodeSigningConfig) },
	}
}

// pointers makes objects of a list's items.
func pointers[T any, P interface {
	*T
	v1alpha1.Object
}](items []T) []v1alpha1.Object {
	objects := make([]v1alpha1.Object, len(items))
	for i := range items {
		objects[i] = P(&items[i])
	}
	return objects
}

// table puts objects of one kind under its headings.
func (k kind) table(objects []v1alpha1.Object, now time.Time, wide bool) terminal.Table {
	t := terminal.Table{Head: k.head}
	if wide {
		t.Head = slices.Concat(k.head, k.wide)
	}
	for _, obj := range objects {
		row := k.row(obj, now)
		if wide {
			row = append(row, k.more(obj)...)
		}
		t.Add(row...)
	}
	return t
}

func readiness(conditions []metav1.Condition) (ready, reason string) {
	c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if c == nil {
		return "", ""
	}
	return string(c.Status), c.Reason
}

func age(now time.Time, obj v1alpha1.Object) string {
	return terminal.Age(now, obj.GetCreationTimestamp().Time)
}

// lambdaName is the function's name in the AWS API.
func lambdaName(fn *v1alpha1.Function) string { return cmp.Or(fn.Spec.FunctionName, fn.Name) }

// ofFunction selects what belongs to a function.
func ofFunction(name string) map[string]string {
	return map[string]string{v1alpha1.LabelFunction: v1alpha1.ObjectName(name)}
}
