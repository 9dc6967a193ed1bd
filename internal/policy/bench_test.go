package policy_test

import (
	"testing"

	"github.com/lambkin-dev/lambkin/internal/policy"
)

// BenchmarkEvaluate is what authorization adds to an invocation: a policy of an identity as people write it.
func BenchmarkEvaluate(b *testing.B) {
	doc, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["lambda:Get*","lambda:List*"],"Resource":"*"},
		{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:*:111122223333:function:team-*"},
		{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:111122223333:function:hel*"},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","192.168.0.0/16"]}}}]}`))
	if err != nil {
		b.Fatal(err)
	}
	r := policy.Request{
		Principal: policy.Principal{Account: account, ARN: user}, Action: "lambda:InvokeFunction", Resource: function,
		Context: map[string][]string{"aws:SourceIp": {"10.1.2.3"}, "aws:SecureTransport": {"true"}, "aws:CurrentTime": {"2026-01-01T00:00:00Z"}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if doc.Evaluate(r) != policy.Allow {
			b.Fatal("not allowed")
		}
	}
}
