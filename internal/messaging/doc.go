// Package messaging sends messages to queues of SQS, topics of SNS and event buses of EventBridge: AWS's own, or those of
// servers that speak as AWS's do. Whoever operates Lambkin says where those are; without an endpoint nothing is sent, and
// callers can ask before.
//
// Requests are as AWS's SDKs of today send them: JSON to SQS and EventBridge, forms to SNS, signed with version 4. An answer
// counts as success only if it names the message that was taken, so that a server that is no such service, and answers 200
// to everything, swallows nothing.
package messaging
