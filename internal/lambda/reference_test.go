package lambda_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func TestParseReference(t *testing.T) {
	long := strings.Repeat("n", 64)
	cases := map[string]struct {
		reason string
		in     string
		want   lambda.Reference
	}{
		"Name":          {"the plain case", "fn", lambda.Reference{Partition: "aws", Name: "fn"}},
		"Alphabet":      {"letters, digits, hyphens, underscores", "-Fn_09", lambda.Reference{Partition: "aws", Name: "-Fn_09"}},
		"LongestName":   {"64 characters", long, lambda.Reference{Partition: "aws", Name: lambda.Name(long)}},
		"Alias":         {"name and alias", "fn:live", lambda.Reference{Partition: "aws", Name: "fn", Qualifier: "live"}},
		"Version":       {"name and version", "fn:42", lambda.Reference{Partition: "aws", Name: "fn", Qualifier: "42"}},
		"Latest":        {"the version that moves", "fn:$LATEST", lambda.Reference{Partition: "aws", Name: "fn", Qualifier: "$LATEST"}},
		"Published":     {"the latest that does not", "fn:$LATEST.PUBLISHED", lambda.Reference{Partition: "aws", Name: "fn", Qualifier: "$LATEST.PUBLISHED"}},
		"LongQualifier": {"one of 105 with a name of 64 fills 170 characters", long + ":" + strings.Repeat("q", 105), lambda.Reference{Partition: "aws", Name: lambda.Name(long), Qualifier: strings.Repeat("q", 105)}},
		"MaxQualifier":  {"128 characters", "fn:" + strings.Repeat("q", 128), lambda.Reference{Partition: "aws", Name: "fn", Qualifier: strings.Repeat("q", 128)}},
		"Partial":       {"account and name", "123456789012:fn", lambda.Reference{Partition: "aws", Account: "123456789012", Name: "fn"}},
		"Function":      {"with the resource's kind", "123456789012:function:fn:7", lambda.Reference{Partition: "aws", Account: "123456789012", Name: "fn", Qualifier: "7"}},
		"FunctionAlone": {"without the account", "function:fn", lambda.Reference{Partition: "aws", Name: "fn"}},
		"NamedFunction": {"a name like any other", "function", lambda.Reference{Partition: "aws", Name: "function"}},
		"Digits":        {"a name may look like an account", "123456789012", lambda.Reference{Partition: "aws", Name: "123456789012"}},
		"ARNOfNoKind":   {"as in AWS's own pattern the kind may be missing, and then this is a qualifier", "arn:aws:lambda:us-east-1:123456789012:layer:fn", lambda.Reference{Partition: "aws", Region: "us-east-1", Account: "123456789012", Name: "layer", Qualifier: "fn"}},
		"ARN":           {"in full", "arn:aws:lambda:us-east-1:123456789012:function:fn", lambda.Reference{Partition: "aws", Region: "us-east-1", Account: "123456789012", Name: "fn"}},
		"QualifiedARN":  {"with an alias", "arn:aws:lambda:us-east-1:123456789012:function:fn:live", lambda.Reference{Partition: "aws", Region: "us-east-1", Account: "123456789012", Name: "fn", Qualifier: "live"}},
		"China":         {"other partitions", "arn:aws-cn:lambda:cn-north-1:123456789012:function:fn", lambda.Reference{Partition: "aws-cn", Region: "cn-north-1", Account: "123456789012", Name: "fn"}},
		"Gov":           {"longer regions", "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:fn", lambda.Reference{Partition: "aws-us-gov", Region: "us-gov-west-1", Account: "123456789012", Name: "fn"}},
		"Sovereign":     {"longer still", "arn:aws-eusc:lambda:eusc-de-east-1:123456789012:function:fn", lambda.Reference{Partition: "aws-eusc", Region: "eusc-de-east-1", Account: "123456789012", Name: "fn"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := lambda.ParseReference(tc.in)
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, d)
			}
		})
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-1:123456789012:function:"
	pattern := "Member must satisfy regular expression pattern: "
	cases := map[string]struct{ reason, in, constraint string }{
		"Empty":           {"a path without a name", "", pattern},
		"NameTooLong":     {"65 characters", strings.Repeat("n", 65), "Member must have length less than or equal to 64"},
		"ARNNameTooLong":  {"within an ARN too", arn + strings.Repeat("n", 65), "Member must have length less than or equal to 64"},
		"TooLong":         {"257 characters", strings.Repeat("n", 257), "Member must have length less than or equal to 256"},
		"Huge":            {"what nobody should match against expressions", strings.Repeat("n:", 1<<20), "Member must have length less than or equal to 256"},
		"QualifierLong":   {"129 characters", "fn:" + strings.Repeat("q", 129), "Member must have length less than or equal to 128"},
		"Space":           {"not of the alphabet", "f n", pattern},
		"Slash":           {"paths are no names", "../fn", pattern},
		"Newline":         {"nor is a second line", "fn\n", pattern},
		"NUL":             {"nor what ends early", "fn\x00", pattern},
		"Letters":         {"letters are ASCII", "fünktion", pattern},
		"EmptyQualifier":  {"a colon promises one", "fn:", pattern},
		"TwoQualifiers":   {"one is enough", "fn:1:2", pattern},
		"Dollar":          {"$LATEST alone has one", "fn:$latest", pattern},
		"OtherService":    {"another service's ARN", "arn:aws:s3:us-east-1:123456789012:function:fn", pattern},
		"ShortAccount":    {"accounts have 12 digits", "arn:aws:lambda:us-east-1:12345678901:function:fn", pattern},
		"NoRegion":        {"an empty region", "arn:aws:lambda::123456789012:function:fn", pattern},
		"RegionTooSimple": {"no region has this form", "arn:aws:lambda:mars:123456789012:function:fn", pattern},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := lambda.ParseReference(tc.in)
			if lambda.CodeOf(err) != lambda.CodeValidation {
				t.Fatalf("%s: %+v, %v; want ValidationException", tc.reason, got, err)
			}
			want := "1 validation error detected: Value '" + tc.in + "' at 'functionName' failed to satisfy constraint: " + tc.constraint
			if e := lambda.AsError(err); !strings.HasPrefix(e.Message, want) && len(tc.in) < 1000 {
				t.Errorf("%s: %s\nwant %s…", tc.reason, e.Message, want)
			}
			if got != (lambda.Reference{}) {
				t.Errorf("%s: a refused name gives %+v", tc.reason, got)
			}
		})
	}
}

func TestWithQualifier(t *testing.T) {
	cases := map[string]struct {
		reason, has, more, want string
		code                    lambda.Code
	}{
		"None":      {reason: "nothing to add", has: "live", want: "live"},
		"New":       {reason: "the name had none", more: "live", want: "live"},
		"Latest":    {reason: "a word of its own", more: "$LATEST", want: "$LATEST"},
		"Same":      {reason: "both agree", has: "1", more: "1", want: "1"},
		"Disagree":  {reason: "they must", has: "1", more: "2", code: lambda.CodeInvalidParameterValue},
		"Longest":   {reason: "128 characters", more: strings.Repeat("q", 128), want: strings.Repeat("q", 128)},
		"TooLong":   {reason: "129 characters", more: strings.Repeat("q", 129), code: lambda.CodeValidation},
		"Alphabet":  {reason: "as in names", more: "a b", code: lambda.CodeValidation},
		"Traversal": {reason: "it may become part of a path", more: "../x", code: lambda.CodeValidation},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := lambda.Reference{Name: "fn", Qualifier: tc.has}.WithQualifier(tc.more)
			if lambda.CodeOf(err) != tc.code || tc.code == "" && got.Qualifier != tc.want {
				t.Errorf("%s: %+v, %v; want %q or %s", tc.reason, got, err, tc.want, tc.code)
			}
		})
	}
}

func TestARN(t *testing.T) {
	id := lambda.Identity{Region: "eu-west-1", Account: "123456789012"}
	cases := map[string]struct {
		reason string
		in     lambda.Reference
		want   string
	}{
		"Bare":   {"what is missing comes from the identity", lambda.Reference{Name: "fn"}, "arn:aws:lambda:eu-west-1:123456789012:function:fn"},
		"Alias":  {"the qualifier as it was given", lambda.Reference{Name: "fn", Qualifier: "live"}, "arn:aws:lambda:eu-west-1:123456789012:function:fn:live"},
		"Latest": {"also this one", lambda.Reference{Name: "fn", Qualifier: "$LATEST"}, "arn:aws:lambda:eu-west-1:123456789012:function:fn:$LATEST"},
		"Whole":  {"what was said stays", lambda.Reference{Partition: "aws-cn", Region: "cn-north-1", Account: "210987654321", Name: "fn"}, "arn:aws-cn:lambda:cn-north-1:210987654321:function:fn"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.in.ARN(id); got != tc.want {
				t.Errorf("%s: got %s, want %s", tc.reason, got, tc.want)
			}
		})
	}
}

func TestNameValid(t *testing.T) {
	for name, want := range map[lambda.Name]bool{
		"fn": true, "a": true, "-_0Z": true, lambda.Name(strings.Repeat("n", 64)): true,
		"": false, lambda.Name(strings.Repeat("n", 65)): false, "a b": false, "a/b": false, ".": false, "a\n": false, "é": false,
	} {
		if got := name.Valid(); got != want {
			t.Errorf("%q is valid: %t, want %t", name, got, want)
		}
	}
}

// FuzzParseReference holds that what is accepted is within the limits, says the same when it is written again, and is safe
// to become part of paths and headers.
func FuzzParseReference(f *testing.F) {
	for _, s := range []string{
		"fn", "fn:live", "fn:$LATEST", "123456789012:fn", "function:fn:1", "123456789012:function:fn",
		"arn:aws:lambda:us-east-1:123456789012:function:fn:live", "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:fn",
		"", ":", "fn:", "a:b:c:d", "arn:aws:lambda", "arn:aws:lambda:::function:fn", strings.Repeat("x", 171), "\xff", "../..", "..", "fn\r\n",
	} {
		f.Add(s)
	}
	id := lambda.Identity{Region: "us-east-1", Account: "000000000000"}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := lambda.ParseReference(s)
		if err != nil {
			if lambda.CodeOf(err) != lambda.CodeValidation {
				t.Errorf("ParseReference(%q): %v, want ValidationException", s, err)
			}
			return
		}
		if !lambda.Name(strings.ReplaceAll(string(r.Name), ".", "_")).Valid() || len(r.Qualifier) > 128 || strings.ContainsAny(r.ARN(id), " /\\\r\n\x00") {
			t.Errorf("ParseReference(%q) = %+v", s, r)
		}
		arn := r.ARN(id)
		if len(arn) > 170 {
			return // it fits the limit only without what the identity adds
		}
		again, err := lambda.ParseReference(arn)
		if err != nil || again.ARN(id) != arn || again.Name != r.Name || again.Qualifier != r.Qualifier {
			t.Errorf("ParseReference(%q) = %+v; as ARN %q it is %+v, %v", s, r, arn, again, err)
		}
	})
}
