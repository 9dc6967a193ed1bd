package local

import (
	"fmt"
	"slices"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// defaultStorage is the size of /tmp, in MB, that a function has without asking.
const defaultStorage = 512

// unmet says what a function asks for that has no effect, or another one, on one machine, and need not keep it from
// running. What it did not ask for is not told: every machine without such a limit would tell it of every function.
func unmet(s *v1alpha1.FunctionSpec, sandboxed bool) []string {
	var told []string
	if native := architecture(); !slices.Contains(s.Architectures, native) {
		told = append(told, fmt.Sprintf("The function is for %s and runs on %s: compiled modules in its code or layers will not load.", s.Architectures[0], native))
	}
	if e := s.EphemeralStorage; e != nil && e.Size != defaultStorage {
		told = append(told, fmt.Sprintf("The size of /tmp, %d MB, is not enforced: it is as large as the disk of the data directory.", e.Size))
	}
	if c := s.Concurrency; c != nil && c.EnvironmentsPerPod > 1 {
		told = append(told, "concurrency.environmentsPerPod has no effect on one machine: all environments of a function share one pod.")
	}
	if s.IsolatesTenants() && !sandboxed {
		told = append(told, "Environments of different tenants share the machine's /tmp: only TMPDIR is an environment's own without the sandbox that root has.")
	}
	if s.Scaling != nil {
		told = append(told, "scaling has no effect on one machine; concurrency has.")
	}
	if s.Pod != nil {
		told = append(told, "pod has no effect on one machine: functions run as the user of the server.")
	}
	if s.HTTP != nil && s.HTTP.Visibility == v1alpha1.VisibilityClusterLocal {
		told = append(told, "http.visibility ClusterLocal asks for signed requests on one machine, unless the server asks nobody: there is no cluster that could be told by its network.")
	}
	return told
}
