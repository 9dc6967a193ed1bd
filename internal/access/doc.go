// Package access is who may do what: access keys with what they are bound to, where they are kept on one machine, and the
// decision whether a caller may do something to a resource.
//
// A [Key] is an AWS access key: an id, a secret, and the name of a principal in whose policy it says what that one may
// do. Signatures of AWS's version 4 are made with the secret itself, so whoever checks them must have it: it cannot be kept
// as a hash, as a password would be. Therefore keys lie in files and Secrets that only the server and its operator can read.
//
// Engines fill [Keys]: [File] for one machine; on a cluster they are Secrets. Who asks becomes a [Caller], and
// [Caller.Authorize] answers with AWS's own sentence where the answer is no.
package access
