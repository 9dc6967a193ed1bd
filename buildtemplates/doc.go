// Package buildtemplates is the catalogue of what functions run on and how their code is built: for each runtime a base
// image and the steps of a build, and from them the Tekton Tasks, TaskRuns and the Pipeline.
//
// # The catalogue
//
// [Lookup] finds a runtime's [Entry]. Each family of runtimes has a file of its own that says which images its functions
// run on and are built in, and the shell script of the build. Images are the public ones of the field, where there is one
// that our own client of the Runtime API runs on, and AWS's public base images where the client must be AWS's. An operator
// replaces images and adds runtimes with an [Override], under the key `runtimes` of the ConfigMap lambkin-config.
//
// # A build
//
// A build is one pod with these steps, each in an image of its own:
//
//	fetch   our builder: puts the source into /workspace/source
//	test    the build image: runs the user's test command in a copy of the source, if there is one
//	build   the build image: compiles, or installs what a lock file names
//	bake    our builder: puts what was built on the base image, pushes it and writes the results
//
// Only test and build run code of other people. They see neither the Git secret, which is mounted into fetch alone, nor the
// registry's, which is mounted into fetch and bake; no step sees a token of a service account. Every step runs as a user
// that is not root, without capabilities, with a read-only root file system and limits. (A Dockerfile needs a little more;
// see [Dockerfile].) Everything that a build writes is one volume of limited size, and so is gone with the pod, except the
// caches of package managers if a claim is given for them. Functions of one namespace share these and must trust each other.
//
// In namespaces that enforce the restricted profile Tekton must confine its own containers too: set set-security-context to
// "true" in its ConfigMap feature-flags. A Dockerfile cannot be built there, nor where the baseline profile is enforced.
//
// [MakeTaskRun] makes a build that needs nothing installed but Tekton itself. [MakeTask] and [MakePipeline] are the same
// steps for people who write PipelineRuns and no Functions; config/tekton holds them as YAML.
package buildtemplates

//go:generate go run ./manifests ../config/tekton
