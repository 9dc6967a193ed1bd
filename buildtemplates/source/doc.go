// Package source takes source code apart and puts it together again: it unpacks archives from anywhere into a folder, and
// packs a folder, in which anybody's build has run, into a zip.
//
// Neither direction trusts the other side. What is unpacked stays below the folder it was given, holds nothing but files,
// folders and links that lead nowhere else, and is no larger than the limits say. What is packed is read without following
// links, so that a build cannot have us read what it could not read itself.
package source
