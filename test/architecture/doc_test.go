// Package architecture keeps the shape of the code with ordinary tests: who may import whom, what may be linked into a
// pod, where Go files live, how long they may get, and that every package says what it is for. The rules are data in
// rules_test.go; a failure says what to do.
package architecture
