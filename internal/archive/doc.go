// Package archive takes zip files from strangers apart. What it writes stays below the folder it was given, is a
// regular file, a folder or a symbolic link that leads nowhere else, is no larger than the limits say, and carries no
// permission beyond reading and executing.
//
// Where the format leaves room the package follows what unzip and Lambda do: a name that occurs twice means the later
// entry, executable stays executable, and links are kept. It refuses what has no honest use: absolute names, "..",
// backslashes, devices, encryption, entries that share bytes, and sizes that no compressor reaches.
//
// Faults of the file are [lambda.Error] values with the sentences that AWS gives; their cause says which entry it was.
// Anything else is a fault of the machine.
package archive
