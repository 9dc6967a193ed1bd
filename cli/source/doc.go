// Package source turns what a person has (a folder, a file, a zip, a Go program) into what a function needs: an archive,
// a runtime and a handler.
//
// The same input gives the same archive, byte for byte: entries are sorted, times are fixed and modes reduced to the
// executable bit. So an unchanged folder is an unchanged function.
//
// Nothing is installed unasked. Go programs are compiled, because their source cannot run. Dependencies of other
// languages (package.json, requirements.txt, Gemfile) are installed with Options.Install only, into a copy of the folder;
// without it a folder whose dependencies are missing is refused with the command that helps, rather than deployed broken.
package source
