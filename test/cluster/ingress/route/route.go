// Package route decides where a request goes, as Knative's Ingress objects say. It is pure: objects in, decisions out.
package route

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"strings"

	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

// Table is an immutable set of rules. The zero Table has none.
type Table struct {
	hosts map[string][]v1alpha1.HTTPIngressPath
}

// Ours gives the ingresses of a class that are not being deleted, in an order that does not depend on that of list.
func Ours(class string, list []*v1alpha1.Ingress) []*v1alpha1.Ingress {
	ours := slices.DeleteFunc(slices.Clone(list), func(i *v1alpha1.Ingress) bool {
		return i.Annotations[networking.IngressClassAnnotationKey] != class || i.DeletionTimestamp != nil
	})
	slices.SortFunc(ours, func(a, b *v1alpha1.Ingress) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return ours
}

// Tables gives the rules of ingresses: those for everyone and those for callers inside the cluster.
func Tables(ingresses []*v1alpha1.Ingress) (public, local *Table) {
	public, local = &Table{map[string][]v1alpha1.HTTPIngressPath{}}, &Table{map[string][]v1alpha1.HTTPIngressPath{}}
	for _, i := range ingresses {
		for _, rule := range i.Spec.Rules {
			table := public
			if rule.Visibility == v1alpha1.IngressVisibilityClusterLocal {
				table = local
			}
			table.add(rule)
		}
	}
	public.sort()
	local.sort()
	return public, local
}

func (t *Table) add(rule v1alpha1.IngressRule) {
	if rule.HTTP == nil {
		return
	}
	for _, host := range rule.Hosts {
		host = strings.ToLower(host)
		t.hosts[host] = append(t.hosts[host], rule.HTTP.Paths...)
	}
}

// sort puts the rules that say most first: longer paths, then more headers.
func (t *Table) sort() {
	for _, paths := range t.hosts {
		slices.SortStableFunc(paths, func(a, b v1alpha1.HTTPIngressPath) int {
			return cmp.Or(cmp.Compare(len(b.Path), len(a.Path)), cmp.Compare(len(b.Headers), len(a.Headers)))
		})
	}
}

// Find gives the rule for a request, or nil if there is none.
func (t *Table) Find(r *http.Request) *v1alpha1.HTTPIngressPath {
	paths := t.hosts[hostName(r.Host)]
	i := slices.IndexFunc(paths, func(p v1alpha1.HTTPIngressPath) bool { return matches(p, r) })
	if i < 0 {
		return nil
	}
	return &paths[i]
}

// hostName is a Host header without port, in the letters that the table uses.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func matches(p v1alpha1.HTTPIngressPath, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, p.Path) {
		return false
	}
	for name, match := range p.Headers {
		if r.Header.Get(name) != match.Exact {
			return false
		}
	}
	return len(p.Splits) > 0
}

// Pick gives the split that percent n, of 0 to 99, falls to. Splits that leave a rest give it to the first.
func Pick(splits []v1alpha1.IngressBackendSplit, n int) *v1alpha1.IngressBackendSplit {
	if len(splits) > 1 {
		for i := range splits {
			if n -= splits[i].Percent; n < 0 {
				return &splits[i]
			}
		}
	}
	return &splits[0]
}
