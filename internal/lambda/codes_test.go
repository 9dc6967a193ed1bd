package lambda_test

import (
	"testing"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestCodes(t *testing.T) {
	cases := map[lambda.Code]struct {
		status  int
		message string
		typed   bool
	}{
		lambda.CodeInvalidParameterValue:              {400, "message", true},
		lambda.CodeInvalidRequestContent:              {400, "message", true},
		lambda.CodeValidation:                         {400, "message", false},
		lambda.CodeCodeStorageExceeded:                {400, "message", true},
		lambda.CodePolicyLengthExceeded:               {400, "message", true},
		lambda.CodeAccessDenied:                       {403, "Message", false},
		lambda.CodeIncompleteSignature:                {403, "message", false},
		lambda.CodeInvalidSignature:                   {403, "message", false},
		lambda.CodeMissingAuthenticationToken:         {403, "message", false},
		lambda.CodeUnrecognizedClient:                 {403, "message", false},
		lambda.CodeResourceNotFound:                   {404, "Message", true},
		lambda.CodeProvisionedConcurrencyConfigAbsent: {404, "message", true},
		lambda.CodeUnknownOperation:                   {404, "message", false},
		lambda.CodeResourceConflict:                   {409, "message", true},
		lambda.CodePreconditionFailed:                 {412, "message", true},
		lambda.CodeRequestTooLarge:                    {413, "message", true},
		lambda.CodeRequestEntityTooLarge:              {413, "message", true},
		lambda.CodeUnsupportedMediaType:               {415, "message", true},
		lambda.CodeTooManyRequests:                    {429, "message", true},
		lambda.CodeService:                            {500, "Message", true},
		lambda.CodeNotImplemented:                     {501, "message", true},
		lambda.CodeInvalidRuntime:                     {502, "Message", true},
		lambda.CodeInvalidZipFile:                     {502, "Message", true},
		"SomethingElse":                               {500, "Message", true},
	}
	for code, want := range cases {
		if code.Status() != want.status || code.MessageMember() != want.message || code.HasType() != want.typed {
			t.Errorf("%s: %d %s %t, want %+v", code, code.Status(), code.MessageMember(), code.HasType(), want)
		}
	}
}
