package buildtemplates

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// current are the runtimes for which Tasks are installed, by the file that holds these. Others, and those that an operator
// adds, are built through Functions.
func current() map[string][]string {
	return map[string][]string{
		"build-go":         {Go, "provided.al2023"},
		"build-rust":       {Rust},
		"build-nodejs":     {"nodejs20.x", "nodejs22.x", "nodejs24.x"},
		"build-python":     {"python3.10", "python3.11", "python3.12", "python3.13", "python3.14"},
		"build-ruby":       {"ruby3.3", "ruby3.4"},
		"build-java":       {"java21", "java25"},
		"build-dotnet":     {"dotnet8", "dotnet10"},
		"build-image":      {Image},
		"build-dockerfile": {Dockerfile},
	}
}

// Installed makes what is installed once per cluster, by the names of the files in config/tekton. The operator's overrides
// become the defaults of the Tasks' parameters.
func Installed(overrides map[string]Override) (map[string][]runtime.Object, error) {
	files := map[string][]runtime.Object{"deploy": {MakeDeployTask()}, "pipeline": {MakePipeline()}}
	for name, ids := range current() {
		for _, id := range ids {
			e, err := Lookup(id, overrides)
			if err != nil {
				return nil, err
			}
			files[name] = append(files[name], MakeTask(e))
		}
	}
	return files, nil
}
