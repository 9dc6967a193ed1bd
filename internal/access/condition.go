package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambkin-dev/lambkin/internal/policy"
)

// KeyResourceTag begins the condition keys for the tags of a function.
const KeyResourceTag = "aws:ResourceTag/"

// The condition keys that follow from the request. Those about the principal follow from that.
const (
	keySourceIP        = "aws:SourceIp"
	keySecureTransport = "aws:SecureTransport"
	keyUserAgent       = "aws:UserAgent"
	keyCurrentTime     = "aws:CurrentTime"
	keyEpochTime       = "aws:EpochTime"
)

// RequestContext are the values of condition keys that follow from the request itself.
func RequestContext(sourceIP string, secure bool, userAgent string, now time.Time) map[string][]string {
	return map[string][]string{
		keySourceIP:        {sourceIP},
		keySecureTransport: {strconv.FormatBool(secure)},
		keyUserAgent:       {userAgent},
		keyCurrentTime:     {now.UTC().Format(time.RFC3339)},
		keyEpochTime:       {strconv.FormatInt(now.Unix(), 10)},
	}
}

// conditionKeys are those that an identity policy may ask for, in lower case.
func conditionKeys() []string {
	return []string{
		"aws:sourceip", "aws:securetransport", "aws:useragent", "aws:currenttime", "aws:epochtime",
		"aws:principalarn", "aws:principalaccount", "aws:principalisawsservice", "lambda:functionurlauthtype",
	}
}

// checkConditions refuses conditions over keys that no request has here: a Deny under one would never apply.
func checkConditions(doc *policy.Document) error {
	for _, s := range doc.Statements {
		for _, c := range s.Condition {
			key := strings.ToLower(c.Key)
			if !slices.Contains(conditionKeys(), key) && !strings.HasPrefix(key, strings.ToLower(KeyResourceTag)) {
				return fmt.Errorf("the condition key %q is not known here, so the statement would not mean what it says; known are %s and %sTAG",
					c.Key, strings.Join(conditionKeys(), ", "), KeyResourceTag)
			}
		}
	}
	return nil
}

// asksForTags reports whether a policy has conditions over tags. Variables may name them too.
func asksForTags(doc *policy.Document) bool {
	return doc != nil && strings.Contains(strings.ToLower(doc.String()), strings.ToLower(KeyResourceTag))
}
