// Package buildtemplates is the catalogue of what functions run on and how their code is built: for each runtime a base
// image and the steps of a build, and from them the Tekton Tasks, TaskRuns and the Pipeline.
package buildtemplates
