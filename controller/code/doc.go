// Package code turns a function's code into a container image, named by digest: what is uploaded or fetched is baked here,
// what must be compiled is built by Tekton, and what is an image already is looked at.
package code
