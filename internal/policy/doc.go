// Package policy reads and evaluates policies in AWS's policy language: those of identities, which say what their owner
// may do, and those of resources, which say who may do what with them. It is pure: standard library only, no clock and no
// network; what a condition asks for is in the [Request].
//
//   - [ParseIdentity] and [ParseResource] turn a text into a [Document]. They are strict: an element, operator or form
//     that evaluation does not honour is refused, so that no policy means less than it says.
//   - [Document.Evaluate] answers a [Request] with an [Effect]: an explicit Deny wins over every Allow, and what no
//     statement speaks of is None.
//   - [Allowed] puts the answers of both kinds of policies together.
//
// What cannot be decided, such as a condition over a variable that the request does not have, never makes an Allow
// apply.
//
// The language is that of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html.
package policy
