package gateway

import (
	"context"
	"strconv"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
)

// listFunctionsOutput is ListFunctionsResponse.
type listFunctionsOutput struct {
	Functions  []functionConfiguration
	NextMarker string `json:",omitempty"`
}

// listFunctions does ListFunctions. What a page costs does not depend on how many functions there are.
func (g *gateway) listFunctions(c *call) (any, error) {
	page, err := c.page(shownAtOnce)
	if err != nil {
		return nil, err
	}
	var f faults
	f.oneOf(c.query("FunctionVersion"), "functionVersion", "ALL")
	if err := f.err(); err != nil {
		return nil, err
	}
	if region := c.query("MasterRegion"); region != "" && region != "ALL" && region != g.Identity.Region {
		return listFunctionsOutput{Functions: []functionConfiguration{}}, nil // none is replicated from there
	}
	show := g.latestPage
	if c.query("FunctionVersion") == "ALL" {
		show = g.versionsPage
	}
	shown, next, err := show(c.r.Context(), page)
	if err != nil {
		return nil, err
	}
	configurations, err := g.configurations(c.r.Context(), shown)
	return listFunctionsOutput{Functions: configurations, NextMarker: next}, err
}

// latestPage gives a page of functions.
func (g *gateway) latestPage(ctx context.Context, p page) (shown []snapshot, next string, err error) {
	var functions v1alpha1.FunctionList
	token, err := g.engine.ListPage(ctx, &functions, nil, engine.Page{Limit: p.size, After: p.Token})
	if err != nil {
		return nil, "", err
	}
	for i := range functions.Items {
		fn := &functions.Items[i]
		shown = append(shown, snapshotOf(fn, g.arn(nameOf(fn), "")))
	}
	return shown, p.next(token, ""), nil
}

// versionsPage gives a page of functions with all of their versions. Where a page ends within a function, the next one reads
// the same functions again and leaves out what was shown.
func (g *gateway) versionsPage(ctx context.Context, p page) (shown []snapshot, next string, err error) {
	for {
		var functions v1alpha1.FunctionList
		after, err := g.engine.ListPage(ctx, &functions, nil, engine.Page{Limit: p.size, After: p.Token})
		if err != nil {
			return nil, "", err
		}
		for i := range functions.Items {
			rest, err := g.versionsAfter(ctx, &functions.Items[i], p.Last)
			if err != nil {
				return nil, "", err
			}
			room := min(p.size-len(shown), len(rest))
			shown = append(shown, rest[:room]...)
			if room < len(rest) {
				return shown, p.next(p.Token, versionKey(&functions.Items[i], rest, room)), nil
			}
		}
		if after == "" {
			return shown, "", nil
		}
		if len(shown) == p.size {
			return shown, p.next(after, ""), nil
		}
		p.Token, p.Last = after, ""
	}
}

// versionKey is what a marker remembers of a function whose first versions, room of them, were shown: its name and the last
// of these versions.
func versionKey(fn *v1alpha1.Function, versions []snapshot, room int) string {
	if room == 0 {
		return fn.Name + "/"
	}
	return fn.Name + "/" + versions[room-1].version
}

// versionsAfter gives the versions of a function that come after the one that a key of [versionKey] names; all if that is empty.
func (g *gateway) versionsAfter(ctx context.Context, fn *v1alpha1.Function, key string) ([]snapshot, error) {
	name, last, _ := strings.Cut(key, "/")
	if fn.Name < name {
		return nil, nil
	}
	all, err := g.versionSnapshots(ctx, fn)
	if err != nil || fn.Name > name || last == "" {
		return all, err
	}
	for i := range all {
		if versionNumber(all[i].version) > versionNumber(last) {
			return all[i:], nil
		}
	}
	return nil, nil
}

// versionNumber is the number of a version; 0 for $LATEST, which comes first.
func versionNumber(version string) int64 {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// configurations makes the replies' form of many snapshots, which come without their states.
func (g *gateway) configurations(ctx context.Context, shown []snapshot) ([]functionConfiguration, error) {
	out := make([]functionConfiguration, 0, len(shown))
	for _, s := range shown {
		sizes, err := g.layerSizes(ctx, s.spec.Layers)
		if err != nil {
			return nil, err
		}
		out = append(out, g.configuration(s, sizes))
	}
	return out, nil
}
