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
		Use:               "describe NAME",
		Short:             "Show everything about a function",
		Long:              "Shows a function's configuration, state, versions, aliases and URL. tm's \"describe service NAME\" works too.",
		Example:           "  lambkin describe hello",
		Args:              between(1, 2),
		ValidArgsFunction: app.completeFunctions,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := functionArgument(args)
			if err != nil {
				return err
			}
			o.name = name
			return o.run(cmd.Context())
		},
	}
}

// functionArgument reads [KIND] NAME, where the kind can only be a function.
func functionArgument(args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	if slices.Contains(clusterKinds(), args[0]) {
		return "", fmt.Errorf("%s: %w", args[0], errClusterOnly)
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
	o.print(factsOf(fn))
	o.print([]fact{{"URL", o.app.functionURL(fn)}})
	o.conditions(fn.Status.Conditions)
	if err := o.releases(ctx, e, lambdaName(fn)); err != nil {
		return err
	}
	return o.failures(ctx, e, lambda.Name(lambdaName(fn)))
}

// fact is one line of a description.
type fact struct{ name, value string }

func (o *describeOptions) print(facts []fact) {
	for _, f := range facts {
		if f.value != "" {
			o.app.IO.Printf("%s %s\n", o.app.IO.Paint(terminal.Bold, fmt.Sprintf("%-16s", f.name+":")), f.value)
		}
	}
}

// factsOf says what a function is. Values of variables are not shown: they may be secrets.
func factsOf(fn *v1alpha1.Function) []fact {
	s := fn.Spec
	facts := []fact{
		{"Name", lambdaName(fn)}, {"Description", strings.ReplaceAll(s.Description, "\n", " ")},
		{"Runtime", s.Runtime}, {"Handler", s.Handler}, {"Code", codeOf(fn)},
		{"Architecture", join(s.Architectures)},
		{"Memory", fmt.Sprintf("%d MB", s.MemorySize)}, {"Timeout", fmt.Sprintf("%d s", s.Timeout)},
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

func codeOf(fn *v1alpha1.Function) string {
	switch c := fn.Spec.Code; {
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
		o.print([]fact{{c.Type, text}})
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
	for _, k := range []kind{versionKind(), aliasKind(), urlKind()} {
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
