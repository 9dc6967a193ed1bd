// Package event translates between HTTP and what functions see. It is pure: no clock, no randomness, no network; what
// differs from call to call (ids, times, random bytes) is passed in, so the same input gives the same bytes.
//
//   - [Format] turns an HTTP request into the event of a front door that AWS has (function URL and HTTP API payload
//     2.0, REST API payload 1.0, load balancer), and a function's answer into the HTTP response that this front door
//     would give;
//   - [Prelude] reads the head of a streamed HTTP response out of a stream of bytes;
//   - [CloudEvent] and [Reply] do the same for CloudEvents in binary, structured and batched form;
//   - [Trace] reads, writes and converts X-Ray and W3C trace headers;
//   - [CORS] answers browsers as a function URL does.
package event
