package lambda_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// The constraints as the service was recorded to quote them.
const (
	invokePattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?` +
		`([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`
	createPattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?` +
		`([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`
	qualifierPattern = `\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`
)

func TestNameForms(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:"
	full := func(partition, region, qualifier string) lambda.Reference {
		return lambda.Reference{Partition: partition, Region: region, Account: "123456789012", Name: "f", Qualifier: qualifier}
	}
	cases := map[string]struct {
		reason, text string
		want         lambda.Reference
		narrow       bool // ParseFunctionName takes it too
	}{
		"Name":       {"the plain name", "f_1-x", lambda.Reference{Partition: "aws", Name: "f_1-x"}, true},
		"Qualified":  {"a name may carry a qualifier", "f:live", lambda.Reference{Partition: "aws", Name: "f", Qualifier: "live"}, true},
		"Latest":     {"$LATEST is a qualifier", "f:$LATEST", lambda.Reference{Partition: "aws", Name: "f", Qualifier: "$LATEST"}, true},
		"Published":  {"only Invoke and its like know $LATEST.PUBLISHED", "f:$LATEST.PUBLISHED", lambda.Reference{Partition: "aws", Name: "f", Qualifier: "$LATEST.PUBLISHED"}, false},
		"Dots":       {"only Invoke and its like take dots, which no function has", "a.b", lambda.Reference{Partition: "aws", Name: "a.b"}, false},
		"Partial":    {"an account before the name", "123456789012:function:f", full("aws", "", ""), true},
		"Function":   {"the word alone", "function:f", lambda.Reference{Partition: "aws", Name: "f"}, true},
		"ARN":        {"a full ARN", arn + "f", full("aws", "us-east-1", ""), true},
		"ARNVersion": {"with a version", arn + "f:7", full("aws", "us-east-1", "7"), true},
		"Gov":        {"the partition for governments", "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f", full("aws-us-gov", "us-gov-west-1", ""), true},
		"Iso":        {"isolated regions", "arn:aws-iso-b:lambda:us-isob-east-1:123456789012:function:f", full("aws-iso-b", "us-isob-east-1", ""), true},
		"Eusc":       {"the European sovereign cloud", "arn:aws-eusc:lambda:eusc-de-east-1:123456789012:function:f", full("aws-eusc", "eusc-de-east-1", ""), true},
	}
	for name, tc := range cases {
		got, err := lambda.ParseReference(tc.text)
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("%s: %s: %v\n%s", name, tc.reason, err, diff)
		}
		_, err = lambda.ParseFunctionName(tc.text)
		if (err == nil) != tc.narrow {
			t.Errorf("%s: %s: ParseFunctionName: %v, want taken: %v", name, tc.reason, err, tc.narrow)
		}
	}
}

func TestRecordedNameFaults(t *testing.T) {
	const at = "1 validation error detected: Value '%' at 'functionName' failed to satisfy constraint: Member must "
	pattern := func(p string) string { return at + "satisfy regular expression pattern: " + p }
	length := func(n string) string { return at + "have length less than or equal to " + n }
	cases := map[string]struct {
		reason, text string
		wide, narrow string // % stands for the text; empty: taken
	}{
		"Parts":     {"too many parts", "invalid:function:name", pattern(invokePattern), pattern(createPattern)},
		"At":        {"recorded for Invoke", "arn:aws:lambda:us-east-1:123400000000@function:myfn", pattern(invokePattern), pattern(createPattern)},
		"Empty":     {"nothing", "", pattern(invokePattern), pattern(createPattern)},
		"Dots":      {"dots are for Invoke", "a.b", "", pattern(createPattern)},
		"Name64":    {"the longest name", strings.Repeat("a", 64), "", ""},
		"Name65":    {"one more", strings.Repeat("a", 65), length("64"), length("64")},
		"Long141":   {"length comes before form", strings.Repeat(":", 141), pattern(invokePattern), length("140")},
		"Long257":   {"also for Invoke", strings.Repeat(":", 257), length("256"), length("140")},
		"Qualifier": {"a qualifier has a limit of its own", "f:" + strings.Repeat("q", 129), length("128"), length("128")},
	}
	for name, tc := range cases {
		for form, parse := range map[string]func(string) (lambda.Reference, error){"wide": lambda.ParseReference, "narrow": lambda.ParseFunctionName} {
			want := map[string]string{"wide": tc.wide, "narrow": tc.narrow}[form]
			got, err := parse(tc.text)
			if want == "" {
				if err != nil {
					t.Errorf("%s, %s: %s: %v", name, form, tc.reason, err)
				}
				continue
			}
			e := lambda.AsError(err)
			if e.Code != lambda.CodeValidation || e.Message != strings.Replace(want, "%", tc.text, 1) || got != (lambda.Reference{}) {
				t.Errorf("%s, %s: %s:\n got %v\nwant %s", name, form, tc.reason, err, want)
			}
		}
	}
}

func TestRecordedQualifierFaults(t *testing.T) {
	cases := map[string]struct {
		reason, own, given, want string
		code                     lambda.Code
		message                  string
	}{
		"None":     {"nothing to merge", "1", "", "1", "", ""},
		"Given":    {"the parameter counts", "", "live", "live", "", ""},
		"Same":     {"twice the same is no conflict", "live", "live", "live", "", ""},
		"Conflict": {"two that differ", "1", "2", "", lambda.CodeInvalidParameterValue, "The derived qualifier from the function name does not match the specified qualifier."},
		"Form":     {"recorded", "", "invalid-qualifier-with-?-char", "", lambda.CodeValidation, "1 validation error detected: Value 'invalid-qualifier-with-?-char' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: " + qualifierPattern},
		"Long":     {"at most 128", "", strings.Repeat("q", 129), "", lambda.CodeValidation, "1 validation error detected: Value '" + strings.Repeat("q", 129) + "' at 'qualifier' failed to satisfy constraint: Member must have length less than or equal to 128"},
	}
	for name, tc := range cases {
		got, err := lambda.Reference{Name: "f", Qualifier: tc.own}.WithQualifier(tc.given)
		if tc.code == "" {
			if err != nil || got.Qualifier != tc.want {
				t.Errorf("%s: %s: got %q, %v", name, tc.reason, got.Qualifier, err)
			}
			continue
		}
		if e := lambda.AsError(err); e.Code != tc.code || e.Message != tc.message {
			t.Errorf("%s: %s: got %v, want %s: %s", name, tc.reason, err, tc.code, tc.message)
		}
	}
}

// FuzzNameForms holds that whatever is taken keeps to AWS's own patterns, and comes back from its ARN as it was.
func FuzzNameForms(f *testing.F) {
	for _, s := range []string{"f", "f:live", "f:$LATEST", "f:$LATEST.PUBLISHED", "a.b", "123456789012:function:f:1",
		"arn:aws:lambda:us-east-1:123456789012:function:f", "arn:aws-iso:lambda:us-iso-east-1:123456789012:function:f:x", "arn::lambda:f", "\x00"} {
		f.Add(s)
	}
	wide := regexp.MustCompile(`^(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z-]+-\d{1,2}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$`)
	id := lambda.Identity{Region: "us-east-1", Account: "000000000000"}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := lambda.ParseReference(s)
		narrow, narrowErr := lambda.ParseFunctionName(s)
		if err != nil {
			if narrowErr == nil {
				t.Fatalf("%q is refused by the wider form alone: %v", s, err)
			}
			return
		}
		if !wide.MatchString(s) {
			t.Fatalf("%q is taken, which AWS would not", s)
		}
		if narrowErr == nil && (narrow != r || !r.Name.Valid()) {
			t.Fatalf("%q is %+v or %+v", s, r, narrow)
		}
		again, err := lambda.ParseReference(r.ARN(id))
		if err != nil || again.Name != r.Name || again.Qualifier != r.Qualifier || again.ARN(id) != r.ARN(id) {
			t.Fatalf("%q has the ARN %q, which is %+v, %v", s, r.ARN(id), again, err)
		}
	})
}
