package source

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// Check asks the language's own parser whether files can be read at all, so that a typing error does not replace code
// that works. Files of other kinds, and languages whose interpreter is not here, pass: the engine will tell.
func Check(ctx context.Context, dir string, files []string, tools Tools) error {
	if tools == nil {
		tools = Machine
	}
	for _, name := range files {
		command := parser(name)
		if command == nil {
			continue
		}
		if err := tools(ctx, dir, []string{"PYTHONDONTWRITEBYTECODE=1"}, command[0], command[1:]...); err != nil && isRefusal(err) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// parser is the command that reads a file without running it.
func parser(name string) []string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".mjs", ".cjs", ".js":
		return []string{"node", "--check", name}
	case ".py":
		return []string{"python3", "-c", "import ast, sys; ast.parse(open(sys.argv[1], 'rb').read(), sys.argv[1])", name}
	case ".rb":
		return []string{"ruby", "-c", name}
	default:
		return nil
	}
}
