// Package awshttp speaks AWS's rest-json over HTTP for the two operations that run functions, Invoke and
// InvokeWithResponseStream, over any [lambda.Invoker]; and it is the one place that writes a Lambda API error.
// The pod's front door and the gateway share it, so a client sees the same service wherever it knocks.
//
// What a function does or fails to do is always HTTP 200 (with X-Amz-Function-Error on failure); HTTP errors say what
// the service could not do. Every reply carries x-amzn-RequestId, which is the id the function runs under.
package awshttp
