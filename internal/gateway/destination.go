package gateway

import (
	"cmp"
	"context"
	"net/url"
	"strings"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// checkDestinations refuses destinations that records cannot go to.
func (g *gateway) checkDestinations(ctx context.Context, name lambda.Name, d *destinationConfig) error {
	if d == nil {
		return nil
	}
	for _, target := range []string{d.OnSuccess.Destination, d.OnFailure.Destination} {
		switch kindOf(target) {
		case targetNone, targetURL:
		case targetFunction:
			if err := g.checkFunctionTarget(ctx, name, target); err != nil {
				return err
			}
		case targetQueue, targetTopic, targetBus:
			if err := g.checkReach(target); err != nil {
				return err
			}
		case targetBucket:
			return invalid("The destination %s is not supported here: records do not go into buckets. Give the ARN of a function, an SQS queue, "+
				"an SNS topic or an EventBridge event bus, or an http or https URL, to which CloudEvents are posted.", target)
		default:
			return invalid("The provided destination config DestinationConfig(onSuccess=%s, onFailure=%s) is invalid.",
				shown("OnSuccess", d.OnSuccess.Destination), shown("OnFailure", d.OnFailure.Destination))
		}
	}
	return nil
}

// shown is a destination as AWS's messages have it.
func shown(member, target string) string {
	if target == "" {
		return "null"
	}
	return member + "(destination=" + target + ")"
}

// checkFunctionTarget refuses functions that are not there, and the function itself.
func (g *gateway) checkFunctionTarget(ctx context.Context, name lambda.Name, target string) error {
	ref, err := lambda.ParseReference(target)
	if err != nil {
		return err
	}
	if ref.Name == name {
		return invalid("You can't specify the function as a destination for itself.")
	}
	if _, err := g.resolve(ctx, ref); err != nil || g.reachable(ref) != nil {
		return invalid("The destination ARN %s is invalid.", target)
	}
	return nil
}

// checkReach refuses what nobody here knows the way to.
func (g *gateway) checkReach(target string) error {
	if g.Reach == nil {
		return invalid("The destination %s is not supported here: records go to functions and URLs only.", target)
	}
	if err := g.Reach(target); err != nil {
		return invalid("The destination %s cannot be used: %v.", target, err)
	}
	return nil
}

// checkDeadLetter refuses places that dead letters cannot go to.
func (g *gateway) checkDeadLetter(d *deadLetterConfig) error {
	if d == nil {
		return nil
	}
	switch kindOf(d.TargetArn) {
	case targetNone, targetURL, targetFunction:
		return nil
	case targetQueue, targetTopic:
		return g.checkReach(d.TargetArn)
	default:
		return invalid("The dead letter target %s is not supported: give the ARN of an SQS queue, an SNS topic or a function, or an http or https URL, "+
			"to which CloudEvents are posted.", cmp.Or(d.TargetArn, `""`))
	}
}

// targetKind is what a destination is.
type targetKind uint8

const (
	targetUnknown targetKind = iota
	targetNone
	targetURL
	targetFunction
	targetQueue
	targetTopic
	targetBus
	targetBucket
)

// kindOf reads a destination. First-in-first-out queues and topics are no destinations, on AWS as here.
func kindOf(target string) targetKind {
	if target == "" {
		return targetNone
	}
	if u, err := url.Parse(target); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return targetURL
	}
	parts := strings.SplitN(target, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return targetUnknown
	}
	services := map[string]targetKind{"lambda": targetFunction, "sqs": targetQueue, "sns": targetTopic, "events": targetBus, "s3": targetBucket}
	kind := services[parts[2]]
	name := parts[5]
	switch {
	case kind == targetFunction && !isFunctionARN(target),
		kind == targetBus && !strings.HasPrefix(name, "event-bus/"),
		(kind == targetQueue || kind == targetTopic) && !isPlainName(name):
		return targetUnknown
	default:
		return kind
	}
}

func isFunctionARN(target string) bool {
	ref, err := lambda.ParseReference(target)
	return err == nil && ref.Name != ""
}

func isPlainName(name string) bool {
	return name != "" && !strings.ContainsAny(name, ":/") && !strings.HasSuffix(name, ".fifo")
}
