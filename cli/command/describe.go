package command

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/terminal"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

type describeOptions struct {
	app  *App
	name string
}

func newDescribeCommand(app *App) *cobra.Command {
	o := &describeOptions{app: app}
	return &cobra.Command{
		Use:   "describe [build] NAME",
		Short: "Show everything about a function, or a build",
		Long: "Shows a function's configuration, state, versions, aliases and URL; or the steps of a build. tm's \"describe service NAME\"\n" +
			"works too.",
		Example:           "  lambkin describe hello\n  lambkin describe build hello-abc12",
		Args:              between(1, 2),
		ValidArgsFunction: app.completeFunctions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 && isBuildWord(args[0]) {
				return app.describeBuild(cmd.Context(), args[1])
			}
			name, err := app.functionArgument(args)
			if err != nil {
				return err
			}
			o.name = name
			return o.run(cmd.Context())
		},
	}
}

// functionArgument reads [KIND] NAME, where the kind can only be a function.
func (a *App) functionArgument(args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	if slices.Contains(clusterKinds(), args[0]) {
		return "", fmt.Errorf("%s: %w", args[0], a.noSuchKind())
	}
	if !slices.Contains(functionKind().names, args[0]) {
		return "", usagef("%q is no kind for this command: want a function", args[0])
	}
	return args[1], nil
}

func (o *describeOptions) run(ctx context.Context) error {
	e, err := o.app.client()
	if err != nil {
		return err
	}
	fn, err := o.app.function(ctx, e, o.name)
	if err != nil {
		return err
	}
	if o.app.forMachines() {
		return o.app.printOne(fn, nil)
	}
	o.app.printFacts(factsOf(fn))
	o.app.printFacts(append(clusterFacts(fn), fact{"URL", o.app.functionURL(fn)}))
	o.conditions(fn.Status.Conditions)
	if err := o.releases(ctx, e, lambdaName(fn)); err != nil {
		return err
	}
	return o.failures(ctx, e, lambda.Name(lambdaName(fn)))
}

// fact is one line of a description.
type fact struct{ name, value string }

// printFacts prints what is known, one fact per line.
func (a *App) printFacts(facts []fact) {
	for _, f := range facts {
		if f.value != "" {
			a.IO.Printf("%s %s\n", a.IO.Paint(terminal.Bold, fmt.Sprintf("%-16s", f.name+":")), f.value)
		}
	}
}

// factsOf says what a function is. Values of variables are not shown: they may be secrets.
func factsOf(fn *v1alpha1.Function) []fact {
	s := fn.Spec.Effective(fn.Status.Protocol)
	facts := []fact{
		{"Name", lambdaName(fn)}, {"Description", strings.ReplaceAll(s.Description, "\n", " ")},
		{"Runtime", s.Runtime}, {"Handler", s.Handler}, {"Code", codeOf(fn)},
		{"Architecture", join(s.Architectures)},
		{"Memory", quantity(s.MemorySize, "MB")}, {"Timeout", quantity(s.Timeout, "s")},
		{"Layers", strings.Join(s.Layers, ", ")},
	}
	if s.Environment != nil {
		names := slices.Sorted(maps.Keys(s.Environment.Variables))
		for _, v := range s.Environment.VariablesFrom {
			names = append(names, v.Name+" (from elsewhere)")
		}
		facts = append(facts, fact{"Environment", strings.Join(names, ", ")})
	}
	if c := s.Concurrency; c != nil {
		facts = append(facts, fact{"Concurrency", fmt.Sprintf("%s per pod, %s each", count(int(max(c.EnvironmentsPerPod, 1)), "environment"), count(int(max(c.PerEnvironment, 1)), "invocation"))})
		if c.Reserved != nil {
			facts = append(facts, fact{"Reserved", strconv.Itoa(int(*c.Reserved))})
		}
	}
	if t := fn.Status.LastModified; t != nil {
		facts = append(facts, fact{"Last modified", t.UTC().Format("2006-01-02 15:04:05 MST")})
	}
	return facts
}

// quantity is a number with its unit; empty where nothing is set, as in containers that answer HTTP themselves.
func quantity(n int32, unit string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// clusterFacts are those that only a cluster has.
func clusterFacts(fn *v1alpha1.Function) []fact {
	st := fn.Status
	facts := []fact{{"Image", st.Image}, {"Revision", st.Revision}, {"Protocol", string(st.Protocol)}}
	if s := fn.Spec.Scaling; s != nil {
		facts = append(facts, fact{"Scaling", scalingOf(s)})
	}
	if p := fn.Spec.Pod; p != nil {
		facts = append(facts, fact{"Service account", p.ServiceAccountName}, fact{"Runtime class", p.RuntimeClassName})
	}
	if b := st.LastBuild; b != nil {
		facts = append(facts, fact{"Last build", fmt.Sprintf("%s, %s: lambkin describe build %[1]s", b.Name, outcomeWord(b.Succeeded))})
	}
	return facts
}

func scalingOf(s *v1alpha1.Scaling) string {
	var parts []string
	number := func(name string, n *int32) {
		if n != nil {
			parts = append(parts, fmt.Sprintf("%s %d", name, *n))
		}
	}
	number("at least", s.MinScale)
	number("at most", s.MaxScale)
	number("target", s.Target)
	if s.Metric != "" {
		parts = append(parts, "by "+s.Metric)
	}
	if s.Window != nil {
		parts = append(parts, "over "+s.Window.Duration.String())
	}
	return strings.Join(parts, ", ")
}

func codeOf(fn *v1alpha1.Function) string {
	switch c := fn.Spec.Code; {
	case c.Source != nil:
		return sourceOf(c.Source)
	case c.Zip != nil:
		return fmt.Sprintf("zip, %s, sha256 %s", terminal.Bytes(c.Zip.Size), c.Zip.SHA256[:min(12, len(c.Zip.SHA256))])
	case c.URL != nil:
		return c.URL.Location
	case c.Image != nil:
		return c.Image.URI
	default:
		return ""
	}
}

// sourceOf says where the source is that a function is built from.
func sourceOf(s *v1alpha1.Source) string {
	where := ""
	switch {
	case s.Git != nil:
		where = s.Git.URL
		if s.Git.Revision != "" {
			where += " at " + s.Git.Revision
		}
	case s.Archive != nil:
		where = s.Archive.Location
	case s.Upload != nil:
		where = fmt.Sprintf("uploaded, %s, sha256 %s", terminal.Bytes(s.Upload.Size), s.Upload.SHA256[:min(12, len(s.Upload.SHA256))])
	case s.Artifact != nil:
		where = s.Artifact.URI
	}
	if s.Path != "" {
		where += ", folder " + s.Path
	}
	return "source: " + where
}

func join[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}

func (o *describeOptions) conditions(all []metav1.Condition) {
	for _, c := range all {
		style := terminal.Warn
		switch c.Status {
		case metav1.ConditionTrue:
			style = terminal.Good
		case metav1.ConditionFalse:
			style = terminal.Bad
		}
		text := o.app.IO.Paint(style, string(c.Status))
		if c.Reason != c.Type {
			text += " " + c.Reason
		}
		if c.Message != "" {
			text += ": " + c.Message
		}
		o.app.printFacts([]fact{{c.Type, text}})
	}
}

// How far back failures are looked for, and how many of them are shown.
const (
	failureLines  = 2000
	failuresShown = 5
)

// failures shows the last invocations that failed, out of the log.
func (o *describeOptions) failures(ctx context.Context, e engine.Logs, fn lambda.Name) error {
	var log bytes.Buffer
	if err := e.Logs(ctx, fn, engine.LogOptions{Tail: failureLines}, &log); err != nil {
		return fmt.Errorf("read the log of %q: %w", fn, err)
	}
	rows := failuresIn(log.String())
	if len(rows) == 0 {
		return nil
	}
	o.app.IO.Printf("\n%s\n", o.app.IO.Paint(terminal.Bold, "Last failures:"))
	o.app.IO.Print(terminal.Table{Head: []string{"REQUEST", "STATUS", "TYPE", "DURATION"}, Rows: rows[max(0, len(rows)-failuresShown):]})
	return nil
}

// failuresIn finds the REPORT lines of invocations that did not succeed, in logs in the text format.
func failuresIn(log string) [][]string {
	var rows [][]string
	for text := range strings.Lines(log) {
		report, ok := strings.CutPrefix(strings.TrimSpace(text), "REPORT ")
		if !ok {
			continue
		}
		facts := map[string]string{}
		for part := range strings.SplitSeq(report, "\t") {
			name, value, _ := strings.Cut(part, ": ")
			facts[name] = value
		}
		if facts["Status"] != "" {
			rows = append(rows, []string{facts["RequestId"], facts["Status"], facts["Error Type"], facts["Duration"]})
		}
	}
	return rows
}

// releases shows what was published.
func (o *describeOptions) releases(ctx context.Context, e engine.Objects, name string) error {
	for _, k := range []kind{versionKind(), aliasKind(), urlKind(), policyKind()} {
		objects, err := k.list(ctx, e, ofFunction(name))
		if err != nil {
			return fmt.Errorf("list %s of %q: %w", k.names[0], name, err)
		}
		if len(objects) == 0 {
			continue
		}
		o.app.IO.Printf("\n%s\n", o.app.IO.Paint(terminal.Bold, cmp.Or(strings.ToUpper(k.names[0][:1])+k.names[0][1:]+":", "")))
		o.app.IO.Print(k.table(objects, o.app.now(), false))
	}
	return nil
}
