package command

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// program is what the command line is called where nothing else is said.
const program = "lambkin"

// pluginNames are the names under which kn and kubectl find the program, and what people type then.
func pluginNames() map[string]string {
	return map[string]string{"kn-lambkin": "kn lambkin", "kubectl-lambkin": "kubectl lambkin"}
}

// isPlugin reports whether kn or kubectl has called the program. Then its engine is a cluster unless another was chosen.
func (a *App) isPlugin() bool { return a.called() != program }

// called is what people type to call the program.
func (a *App) called() string {
	if name := pluginNames()[strings.TrimSuffix(filepath.Base(a.Name), ".exe")]; name != "" {
		return name
	}
	return program
}

// renamed puts what people type into a sentence that tells them to run a command.
func (a *App) renamed(sentence string) string {
	if !a.isPlugin() {
		return sentence
	}
	return strings.ReplaceAll(sentence, `"`+program+` `, `"`+a.called()+` `)
}

// rename makes all help texts speak of the command as people type it.
func (a *App) rename(root *cobra.Command) {
	if !a.isPlugin() {
		return
	}
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: a.called()}
	for queue := []*cobra.Command{root}; len(queue) > 0; queue = slices.Concat(queue[1:], queue[0].Commands()) {
		c := queue[0]
		c.Long, c.Example = a.renamed(a.renamedLines(c.Long)), a.renamedLines(c.Example)
	}
}

// renamedLines is renamed for examples, which stand on lines of their own or behind a pipe.
func (a *App) renamedLines(text string) string {
	text = strings.ReplaceAll(text, "  "+program+" ", "  "+a.called()+" ")
	return strings.ReplaceAll(text, "| "+program+" ", "| "+a.called()+" ")
}
