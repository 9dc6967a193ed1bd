package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProcessesOf(t *testing.T) {
	proc := t.TempDir()
	for name, groups := range map[string]string{
		"1":    "0::/\n",
		"20":   "4:memory:/kubepods/burstable/podaef27cbd-5cb2-4a2b/e7535ac\n0::/kubepods/burstable/podaef27cbd-5cb2-4a2b/e7535ac\n",
		"21":   "0::/../../kubepods-burstable-podaef27cbd_5cb2_4a2b.slice/cri-containerd-e7535ac.scope\n",
		"22":   "0::/kubepods/burstable/podaef27cbd-5cb2-4a2c/e7535ac\n",
		"self": "0::/kubepods/burstable/podaef27cbd-5cb2-4a2b/e7535ac\n",
	} {
		if err := os.Mkdir(filepath.Join(proc, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, name, "cgroup"), []byte(groups), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := processesOf(proc, "aef27cbd-5cb2-4a2b")
	if diff := cmp.Diff([]int{20, 21}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
