// Package code turns a function's code into a container image, named by digest: what is uploaded or fetched is baked here,
// what must be compiled is built by Tekton, and what is an image already is looked at.
//
//   - resolver.go decides by the kind of code. What takes long runs in the background (jobs.go): a caller waits a moment and
//     is told otherwise what is being done; everything that an outcome depends on is its key, so that asking again asks
//     no registry again.
//   - archive.go bakes zips, after fetch.go has put what is at a URL into the code store.
//   - container.go looks at images, and bakes those that speak the Runtime API.
//   - build.go starts a TaskRun, outcome.go follows it, history.go cleans up after it.
//   - failure.go knows the reason of a condition for everything that can go wrong.
package code
