package gateway_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// recording is an error as the real service was recorded to give it. What differs from account to account stands in angle
// brackets.
type recording struct {
	code, member, kind, reason, text string
	status                           int
}

// recordings reads testdata/recorded-errors.tsv by number.
func recordings(t *testing.T) recorded {
	t.Helper()
	text, err := os.ReadFile("testdata/recorded-errors.tsv")
	if err != nil {
		t.Fatal(err)
	}
	all := recorded{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		number, err := strconv.Atoi(f[0])
		if err != nil || len(f) != 7 {
			t.Fatalf("%q is no line of this file", line)
		}
		status, err := strconv.Atoi(f[2])
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		none := func(s string) string { return strings.TrimSuffix(s, "-") }
		all[number] = recording{code: f[1], status: status, member: none(f[3]), kind: none(f[4]), reason: none(f[5]), text: f[6]}
	}
	return all
}

// recorded are all recordings by number.
type recorded map[int]recording

// compareMembers holds that a reply whose text was recorded has the members that were recorded with it, whatever numbers and
// names of this account the text holds.
func (all recorded) compareMembers(t *testing.T, got reply) {
	t.Helper()
	members := got.members(t)
	for number, r := range all {
		text, _ := members[r.member].(string)
		if r.member == "" || r.code != got.header.Get("X-Amzn-Errortype") || generalized(text) != generalized(r.text) {
			continue
		}
		if kind, _ := members["Type"].(string); kind != r.kind {
			t.Errorf("recording %d: Type is %q, want %q", number, kind, r.kind)
		}
	}
}

var particular = regexp.MustCompile(`arn:[^\s'"\])]+|\[[^\]]*\]|<[^>]*>|\d+`)

// generalized is a text without what differs from account to account.
func generalized(text string) string { return particular.ReplaceAllString(text, "*") }

var letters = regexp.MustCompile(`<x(\d+)>`)

// said is the recorded text as this account would get it. Pairs replace what is in angle brackets otherwise than usual.
func (r recording) said(pairs ...string) string {
	usual := []string{
		"<partition>", "aws", "<region>", region, "111111111111", account, "<function-name:1>", "fn", "<function-name>", "fn", "<fn-name>", "fn",
		"<nonexisting-fn-name>", "none", "<resource:1>", "lib", "<resource-name>", "none", "<min_unreserved_concurrency>", "100",
	}
	text := strings.NewReplacer(append(pairs, usual...)...).Replace(r.text)
	return letters.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.Atoi(letters.FindStringSubmatch(s)[1]) // the form says that it is a number
		return strings.Repeat("x", n)
	})
}

// compare holds that a reply is what was recorded: status, type, member, Type, Reason and text. Line breaks count as blanks.
func (r recording) compare(t *testing.T, got reply, pairs ...string) {
	t.Helper()
	if got.status != r.status || got.header.Get("X-Amzn-Errortype") != r.code {
		t.Fatalf("%d %s %.400s\nwant %d %s", got.status, got.header.Get("X-Amzn-Errortype"), got.body, r.status, r.code)
	}
	members := got.members(t)
	text, _ := members["message"].(string)
	member := "message"
	if text == "" {
		text, _ = members["Message"].(string)
		member = "Message"
	}
	if text = strings.ReplaceAll(text, "\n", " "); text != r.said(pairs...) {
		t.Errorf("text\n%s\nwant\n%s", text, r.said(pairs...))
	}
	if r.member == "" {
		return // the SDK that recorded it does not know the type, so nothing is known of its members
	}
	kind, _ := members["Type"].(string)
	reason, _ := members["Reason"].(string)
	if member != r.member || kind != r.kind || reason != r.reason {
		t.Errorf("members %s, Type %q, Reason %q; want %s, %q, %q", member, kind, reason, r.member, r.kind, r.reason)
	}
}

// asked is a request that gets a recorded error.
type asked struct {
	method, path, body string
	pairs              []string
}

const (
	urls       = "/2021-10-31/functions/"
	events     = "/2019-09-25/functions/"
	imageSum   = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	imageCode  = "example.com/img@sha256:" + imageSum
	lateRegion = "arn:aws:lambda:ap-southeast-1:" + account + ":function:fn"
)

// TestRecordedErrors sends what the recorded errors were the answers to. docs/aws-errors.md lists all of them, and where each
// is tested or why it is not.
func TestRecordedErrors(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.publish("fn")
	f.create("img", func(in *sdk.CreateFunctionInput) {
		in.Runtime, in.Handler, in.PackageType = "", nil, types.PackageTypeImage
		in.Code = &types.FunctionCode{ImageUri: aws.String(imageCode)}
	})
	f.layer("lib")
	f.layer("lib")
	for path, body := range map[string]string{functions + "/fn/aliases": `{"Name":"custom","FunctionVersion":"1"}`, urls + "fn/url": `{"AuthType":"NONE"}`} {
		if r := f.request(http.MethodPost, path, body); r.status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
	}
	all := recordings(t)
	for number, a := range requests(f) {
		t.Run(strconv.Itoa(number), func(t *testing.T) {
			r, ok := all[number]
			if !ok {
				t.Fatal("there is no recording of this number")
			}
			r.compare(t, f.request(a.method, a.path, a.body), a.pairs...)
		})
	}
}

// requests are those whose answers were recorded, by the numbers of the recordings.
func requests(f *fixture) map[int]asked {
	layer := func(name string, version int) string { return fmt.Sprintf("%slayer:%s:%d", prefix, name, version) }
	layersOf := func(arns ...string) string { return body(`Layers=["` + strings.Join(arns, `","`) + `"]`) }
	alias := func(version, weights string) string {
		return `{"Name":"a","FunctionVersion":"` + version + `","RoutingConfig":{"AdditionalVersionWeights":{` + weights + `}}}`
	}
	destination := func(target string) string {
		return `{"DestinationConfig":{"OnSuccess":{"Destination":"` + target + `"}}}`
	}
	failing := func(target string) string {
		return `{"DestinationConfig":{"OnFailure":{"Destination":"` + target + `"}}}`
	}
	tagged := func(resource string) string { return tags + url.PathEscape(resource) }
	long := strings.Repeat("a", 130)
	lib := layer("lib", 1)
	return map[int]asked{
		4:   {"POST", functions + "/fn/aliases", alias("$LATEST", `"1":0.5`), nil},
		5:   {"DELETE", functions + "/fn?Qualifier=%24LATEST", "", nil},
		6:   {"POST", functions, body(`FunctionName="` + strings.Repeat("a", 65) + `"`), nil},
		8:   {"POST", tagged(prefix + "function:fn"), `{"Tags":{}}`, nil},
		9:   {"POST", functions, layersOf(lib, layer("b", 1), layer("c", 1), layer("d", 1), layer("e", 1), layer("f", 1)), nil},
		10:  {"POST", functions + "/img/versions", `{"CodeSha256":"` + strings.Repeat("a", 64) + `"}`, []string{"<code-sha256:1>", imageSum}},
		11:  {"POST", functions + "/fn/versions", `{"CodeSha256":"somenonexistentsha256"}`, []string{"<code-sha256:1>", f.digest("fn")}},
		12:  {"POST", functions, body(`Code={"ZipFile":"aGk="}`), nil},
		18:  {"POST", functions + "/fn/aliases", alias("1", `"1":0.5`), nil},
		19:  {"POST", functions, body(`Environment={"Variables":{"LARGE_VAR":"` + strings.Repeat("x", 4081) + `"}}`), nil},
		20:  {"POST", functions, body(`Environment={"Variables": {"SMALL_VAR": "ok", "LARGE_VAR":"` + strings.Repeat("x", 4064) + `"}}`), nil},
		21:  {"GET", layers + "/lib/versions/0", "", nil},
		22:  {"POST", functions, layersOf(layer("lib", 9)), nil},
		23:  {"POST", functions, layersOf(layer("doesnotexist", 1)), nil},
		24:  {"POST", functions, layersOf("arn:aws:lambda:eu-west-1:" + account + ":layer:lib:1"), nil},
		25:  {"POST", functions + "/fn/aliases", alias("1", `"1":0.5,"2":0.5`), nil},
		26:  {"POST", tagged(prefix + "function:fn"), `{"Tags":` + manyTags(51) + `}`, nil},
		27:  {"PUT", functions + "/fn/code", `{"ImageUri":"` + imageCode + `"}`, nil},
		28:  {"PUT", functions + "/img/code", `{"ZipFile":"` + base64.StdEncoding.EncodeToString(zipOf("index.js", "")) + `"}`, nil},
		34:  {"PUT", "/2017-10-31/functions/fn/concurrency", `{"ReservedConcurrentExecutions":901}`, nil},
		35:  {"GET", tagged(prefix + "function:fn:1"), "", nil},
		36:  {"DELETE", functions + "/fn:1?Qualifier=2", "", nil},
		37:  {"PUT", events + "fn/event-invoke-config", destination(prefix + "function:doesnotexist"), nil},
		39:  {"PUT", events + "fn/event-invoke-config", destination("arn:aws:iam:" + region + ":" + account + ":function:fn"), nil},
		49:  {"PUT", "/2017-10-31/functions/fn:1/concurrency", `{"ReservedConcurrentExecutions":1}`, nil},
		50:  {"POST", functions, layersOf(lib, lib), nil},
		51:  {"POST", functions, layersOf(lib, layer("lib", 2)), nil},
		55:  {"POST", functions, body(`Code={"ZipFile":"` + base64.StdEncoding.EncodeToString(bomb(lambda.MaxUnzipped)) + `"}`), nil},
		56:  {"POST", functions, body(`Runtime="PYTHON3.9"`), nil},
		57:  {"PUT", functions + "/fn/configuration", `{"Runtime":"non-existent-runtime"}`, nil},
		59:  {"PUT", events + "fn/event-invoke-config", failing(prefix + "function:fn"), nil},
		60:  {"PUT", events + "fn/event-invoke-config", `{}`, nil},
		61:  {"POST", functions + "/fn/invocations", "n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt", nil},
		62:  {"POST", functions + "/fn/invocations", "\x99\xeb,j\x07\xa1zYh", nil},
		63:  {"PUT", functions + "/fn/configuration", `{"RevisionId":"wrong"}`, nil},
		69:  {"POST", functions + "/fn/aliases", `{"Name":"custom","FunctionVersion":"1"}`, nil},
		73:  {"POST", urls + "fn/url", `{"AuthType":"NONE"}`, []string{"<resource:1>", "fn"}},
		78:  {"PUT", functions + "/fn/aliases/non-existent", `{"FunctionVersion":"1"}`, nil},
		82:  {"GET", functions + "/fn/aliases/non-existent", "", nil},
		85:  {"GET", tagged(prefix + "capacity-provider:none"), "", nil},
		86:  {"GET", tagged(prefix + "event-source-mapping:01234567-89ab-cdef-0123-456789abcdef"), "", []string{"<resource-name>", "01234567-89ab-cdef-0123-456789abcdef"}},
		87:  {"POST", urls + "none/url", `{"AuthType":"NONE"}`, nil},
		88:  {"DELETE", functions + "/none?Qualifier=1233", "", []string{"<fn-name>", "none"}},
		89:  {"GET", functions + "/fn?Qualifier=1221", "", nil},
		90:  {"GET", functions + "/gone", "", []string{"<function-name:1>", "gone"}},
		91:  {"POST", functions + "/fn-unknown/aliases", `{"Name":"a","FunctionVersion":"1"}`, nil},
		92:  {"POST", functions + "/fn/aliases", `{"Name":"a","FunctionVersion":"10"}`, nil},
		93:  {"GET", functions + "/fn?Qualifier=aliasdoesnotexist", "", nil},
		97:  {"GET", functions + "/none/configuration", "", nil},
		98:  {"GET", tagged(prefix + "function:none"), "", nil},
		99:  {"GET", "/2020-06-30/functions/csc-test-doesnotexist/code-signing-config", "", nil},
		100: {"GET", functions + "/doesnotexist", "", nil},
		101: {"PUT", "/2017-10-31/functions/doesnotexist/concurrency", `{"ReservedConcurrentExecutions":1}`, nil},
		103: {"GET", functions + "/some-function?Qualifier=%24LATEST", "", nil},
		104: {"DELETE", functions + "/" + url.PathEscape(lateRegion), "", []string{"<wrong-region>", "ap-southeast-1"}},
		105: {"GET", functions + "/" + url.PathEscape(lateRegion), "", nil},
		113: {"GET", events + "fn/event-invoke-config?Qualifier=1221", "", nil},
		114: {"GET", events + "fn/event-invoke-config", "", nil},
		115: {"GET", events + "fn/event-invoke-config?Qualifier=1", "", nil},
		116: {"GET", events + "fn/event-invoke-config?Qualifier=doesnotexist", "", nil},
		117: {"GET", events + "fn/event-invoke-config?Qualifier=eventinvokealias", "", nil},
		118: {"GET", events + "none/event-invoke-config", "", nil},
		119: {"GET", events + "doesnotexist/event-invoke-config", "", nil},
		120: {"GET", events + "doesnotexist/event-invoke-config/list", "", nil},
		121: {"GET", layers + "/lib/versions/9", "", nil},
		123: {"GET", urls + "fn/url?Qualifier=%24LATEST", "", nil},
		126: {"GET", urls + "fn/url?Qualifier=1", "", nil},
		127: {"PUT", urls + "fn/url?Qualifier=2", "{}", nil},
		128: {"POST", functions + "/fn/aliases", `{"Name":"2024","FunctionVersion":"1"}`, nil},
		130: {"POST", urls + "fn/url", `{"AuthType":"NONE","InvokeMode":"UNKNOWN"}`, nil},
		133: {"POST", functions, body(`Architectures=["X86_64"]`), nil},
		134: {"POST", functions, layersOf(prefix + "layer:lib"), nil},
		135: {"POST", functions, body(`Architectures=["x86_64","arm64"]`), nil},
		136: {"GET", layers + "?CompatibleArchitecture=archdoesnotexist", "", nil},
		137: {"PUT", events + "fn/event-invoke-config", failing("arn:aws:_-/!lambda:" + region + ":" + account + ":function:fn"), nil},
		138: {"GET", tagged(prefix + "capacity-provider:none:alias"), "", nil},
		139: {"GET", tagged(prefix + "event-source-mapping:none:alias"), "", nil},
		140: {"GET", tagged(prefix + "foobar:none"), "", nil},
		141: {"POST", functions, body(`FunctionName="` + prefix + "function:" + long + `"`), []string{"<function-name>", long}},
		142: {"GET", layers + "?find=LayerVersion&Arn=" + url.QueryEscape(prefix+"layer:lib"), "", nil},
		143: {"POST", functions + "/" + url.PathEscape("arn:aws:lambda:"+region+":123400000000@function:myfn") + "/invocations", "{}", nil},
		144: {"GET", tagged("arn:aws:something"), "", nil},
		146: {"GET", functions + "?FunctionVersion=invalid", "", nil},
		148: {"GET", functions + "/fn?Qualifier=invalid-qualifier-with-%3F-char", "", nil},
		149: {"POST", functions, body(`FunctionName="invalid:function:name"`), nil},
		150: {"POST", functions, body(`SnapStart={"ApplyOn":"invalidOption"}`), nil},
		151: {"PUT", functions + "/fn/configuration", `{"Role":"r1"}`, nil},
		152: {"GET", layers + "?CompatibleRuntime=runtimedoesnotexist", "", nil},
		153: {"POST", functions + "/fn/aliases", alias("1", `"$LATEST":0.5`), nil},
		154: {"POST", functions + "/fn/aliases", alias("1", `"2":-1`), nil},
		155: {"POST", functions + "/fn/aliases", alias("1", `"2":2`), nil},
		156: {"DELETE", tagged(prefix + "function:fn"), "", nil},
		157: {"POST", layers + "/lib/versions", `{"CompatibleRuntimes":["invalidruntime","invalidruntime2","nodejs20.x"],"CompatibleArchitectures":["invalidarch","x86_64"]}`, nil},
		158: {"POST", layers + "/lib/versions", `{"CompatibleRuntimes":["invalidruntime"],"CompatibleArchitectures":["invalidarch"]}`, nil},
	}
}

// bomb is an archive that says of its one file that it is this large.
func bomb(size uint64) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	_, err := z.CreateRaw(&zip.FileHeader{Name: "index.js", UncompressedSize64: size})
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // a Buffer takes every write
	}
	return b.Bytes()
}

// TestRecordedThrottling holds the one recorded error that a function's load brings about.
func TestRecordedThrottling(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.calls = func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return nil, lambda.Throttled(lambda.ReasonReservedConcurrency, 0)
	}
	recordings(t)[122].compare(t, f.request(http.MethodPost, functions+"/fn/invocations", "{}"))
}
