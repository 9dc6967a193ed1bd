// Package signature makes and checks AWS Signature Version 4, as the Lambda API asks for it: in the Authorization header,
// in the query of a presigned URL, and in the chunks of a streamed body.
//
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html and, for chunks,
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html.
//
// A request is let through only when everything that its signature covers is known to be as it was signed. Most clients
// of Lambda do not say in a header what their body's digest is, so its signature cannot be told right before the whole body
// is there: such a body is read first, in memory or in a file, within the gateway's limits. A body whose digest is declared,
// or whose chunks are signed one by one, is checked while it is read and need not be kept.
package signature
