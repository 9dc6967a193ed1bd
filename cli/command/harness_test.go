package command

import (
	"os"
	"path/filepath"
	"testing"
)

// writeTree writes NAME, CONTENT pairs, making the folders on the way.
func writeTree(t *testing.T, pairs ...string) {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := os.MkdirAll(filepath.Dir(pairs[i]), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(pairs[i], []byte(pairs[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
