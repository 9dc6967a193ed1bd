package command

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/cli/cluster"
	"github.com/lambkin-dev/lambkin/cli/terminal"
)

// isBuildWord reports whether a word names builds; tm called them after Tekton's kind.
func isBuildWord(word string) bool {
	return slices.Contains([]string{"build", "builds", "taskrun", "taskruns"}, word)
}

// outcomeWord says how a build went.
func outcomeWord(succeeded metav1.ConditionStatus) string {
	switch succeeded {
	case metav1.ConditionTrue:
		return "succeeded"
	case metav1.ConditionFalse:
		return "failed"
	default:
		return "running"
	}
}

// getBuilds lists the builds of a function, or of all.
func (a *App) getBuilds(ctx context.Context, function string) error {
	b, err := a.builds()
	if err != nil {
		return err
	}
	all, err := b.Builds(ctx, v1alpha1.ObjectName(function))
	if err != nil {
		return err
	}
	if len(all) == 0 && !a.forMachines() {
		a.IO.Notef("There are no builds%s.", (&getOptions{name: function}).whose())
		return nil
	}
	return a.printBuilds(all, all)
}

// printBuilds prints builds for people as a table, and doc for machines.
func (a *App) printBuilds(all []cluster.Build, doc any) error {
	if a.flags.output == "json" || a.flags.output == "yaml" {
		return a.printDocument(doc)
	}
	t := terminal.Table{Head: []string{"NAME", "FUNCTION", "RESULT", "REASON", "STEP", "TOOK", "AGE"}}
	if a.flags.output == "wide" {
		t.Head = append(t.Head, "IMAGE")
	}
	for _, b := range all {
		if a.flags.output == "name" {
			a.IO.Printf("build/%s\n", b.Name)
			continue
		}
		t.Add(b.Name, b.Function, outcomeWord(b.Succeeded), b.Reason, stepOf(b), a.tookOf(b), terminal.Age(a.now(), b.Created.Time), b.Image)
	}
	if a.flags.output != "name" {
		a.IO.Print(t)
	}
	return nil
}

// stepOf is the step that a build is in, or that failed.
func stepOf(b cluster.Build) string {
	i := slices.IndexFunc(b.Steps, func(s cluster.Step) bool { return s.State == cluster.StepRunning || s.State == cluster.StepFailed })
	if i < 0 {
		return ""
	}
	return b.Steps[i].Name
}

func (a *App) tookOf(b cluster.Build) string {
	if b.Started == nil {
		return ""
	}
	end := a.now()
	if b.Completed != nil {
		end = b.Completed.Time
	}
	return terminal.Took(max(end.Sub(b.Started.Time), 0))
}

// describeBuild shows a build with its steps.
func (a *App) describeBuild(ctx context.Context, name string) error {
	all, err := a.builds()
	if err != nil {
		return err
	}
	b, err := all.Build(ctx, name)
	if err != nil {
		return err
	}
	if a.forMachines() {
		return a.printBuilds([]cluster.Build{b}, b)
	}
	a.printFacts([]fact{
		{"Name", b.Name}, {"Function", b.Function}, {"Result", outcomeWord(b.Succeeded)}, {"Reason", b.Reason}, {"Message", b.Message},
		{"Image", b.Image}, {"Took", a.tookOf(b)},
	})
	if len(b.Steps) == 0 {
		return nil
	}
	t := terminal.Table{Head: []string{"STEP", "STATE", "EXIT CODE", "TOOK"}}
	for _, s := range b.Steps {
		code, took := "", ""
		if s.State == cluster.StepSucceeded || s.State == cluster.StepFailed {
			code, took = fmt.Sprint(s.ExitCode), terminal.Took(s.Took.Duration)
		}
		t.Add(s.Name, s.State, code, took)
	}
	a.IO.Printf("\n")
	a.IO.Print(t)
	return nil
}

// deleteBuilds ends builds and forgets them.
func (a *App) deleteBuilds(ctx context.Context, names []string) error {
	all, err := a.builds()
	if err != nil {
		return err
	}
	for _, name := range names {
		if a.dry() {
			a.IO.Printf("build/%s would be deleted\n", name)
			continue
		}
		if err := all.DeleteBuild(ctx, name); err != nil {
			return err
		}
		if err := a.tellDeletedBuild(name); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) tellDeletedBuild(name string) error {
	if a.forMachines() {
		return a.printBuilds([]cluster.Build{{Name: name}}, map[string]string{"name": name})
	}
	a.IO.Printf("build/%s deleted\n", name)
	return nil
}

// logsOfBuild prints what a build prints until it has ended. A function stands for its last build.
func (a *App) logsOfBuild(ctx context.Context, name string) error {
	all, err := a.builds()
	if err != nil {
		return err
	}
	last, err := lastBuild(ctx, all, name)
	if err != nil {
		return err
	}
	b, err := all.FollowBuild(ctx, last, func(step, line string) { a.IO.Printf("%s %s\n", a.IO.Paint(terminal.Dim, "["+step+"]"), line) })
	if err != nil {
		return err
	}
	if b.Succeeded == metav1.ConditionFalse {
		return fmt.Errorf("build %q failed: %s", b.Name, cmp.Or(b.Message, b.Reason))
	}
	return nil
}

// lastBuild is the name of the build of that name, or of the last one of that function.
func lastBuild(ctx context.Context, all builds, name string) (string, error) {
	of, err := all.Builds(ctx, v1alpha1.ObjectName(name))
	if err != nil {
		return "", err
	}
	if len(of) > 0 {
		return of[len(of)-1].Name, nil
	}
	if _, err := all.Build(ctx, name); err != nil {
		return "", err
	}
	return name, nil
}
