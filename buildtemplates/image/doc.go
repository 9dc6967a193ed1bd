// Package image makes, reads and keeps what lies in container registries: function images, base images, uploaded code.
// It is the only user of go-containerregistry; everybody else names images by strings and gets digests back.
//
// # Bake
//
// A function image is never built, it is baked: layers that exist are put on top of one another and a configuration says
// what to start. From the bottom: the base image's layers, the layers of the runtime image, one layer per Lambda layer
// (below /opt) and one with the code (below /var/task). Only the last two kinds are made here. All others are named, by
// mounting them from the repository where they are; their bytes move only if that is another registry.
//
// The same input gives the same digest on every machine: the tar of a layer is sorted, its times are zero, its owner is
// root, its modes are 0755 and 0644, and it is compressed by one level of one compressor. So an unchanged function makes no
// new Revision, and a push of what is there already ends with the first request.
//
// Images are always of the OCI kind, because only that has annotations. A base of Docker's kind (schema 2) changes the
// names of its media types and no byte of its layers; registries and containerd have taken such images since OCI 1.0.
//
// # Registries
//
// [Registry] holds how to talk: credentials as crane finds them, private certificate authorities, and the hosts that may be
// spoken to in plain HTTP. No host is unless it is listed, with the exception of the machine itself (localhost,
// *.localhost, 127.0.0.0/8, ::1), which is tried with TLS first. go-containerregistry would go on in plain HTTP with
// private addresses and *.local too; that is refused here.
//
// # Errors
//
// Faults of what the user gave (an archive, a size) are [lambda.Error] values. What a registry or the way to it is to
// blame for is an [Error], whose Kind tells programs what happened. Anything else is a fault of the machine.
package image
