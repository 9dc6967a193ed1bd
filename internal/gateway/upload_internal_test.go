package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

func newArchive(t testing.TB) *archive {
	t.Helper()
	a := &archive{dir: t.TempDir()}
	t.Cleanup(a.Close)
	return a
}

func (a *archive) bytes(t testing.TB) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(a.readerAt(), 0, a.size))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExtract(t *testing.T) {
	cases := map[string]struct {
		reason  string
		path    []string
		text    string
		rest    string
		archive string
		present bool
	}{
		"top":       {"UpdateFunctionCode has it at the top", []string{"ZipFile"}, `{"ZipFile":"aGk=","DryRun":true}`, `{"ZipFile":"","DryRun":true}`, "hi", true},
		"nested":    {"CreateFunction has it in Code", []string{"Code", "ZipFile"}, `{"Code": {"ZipFile" : "aGk="}}`, `{"Code": {"ZipFile" : ""}}`, "hi", true},
		"elsewhere": {"a variable of that name is no archive", []string{"Code", "ZipFile"}, `{"Environment":{"Variables":{"ZipFile":"x"}},"ZipFile":"y"}`, `{"Environment":{"Variables":{"ZipFile":"x"}},"ZipFile":"y"}`, "", false},
		"in a list": {"objects in lists have no path", []string{"Code", "ZipFile"}, `{"Code":[{"ZipFile":"x"}]}`, `{"Code":[{"ZipFile":"x"}]}`, "", false},
		"null":      {"null is no archive", []string{"ZipFile"}, `{"ZipFile":null}`, `{"ZipFile":null}`, "", false},
		"as value":  {"a value that reads like the member is a value", []string{"ZipFile"}, `{"a":"ZipFile","b":"x"}`, `{"a":"ZipFile","b":"x"}`, "", false},
		"escapes":   {"encoders escape slashes, plus and equals signs", []string{"ZipFile"}, `{"ZipFile":"\/\u002b8\u003d"}`, `{"ZipFile":""}`, "\xff\xef", true},
		"lines":     {"base64 tools break lines", []string{"ZipFile"}, `{"ZipFile":"aG\r\nk="}`, `{"ZipFile":""}`, "hi", true},
		"quotes":    {"escaped quotes do not end a string", []string{"ZipFile"}, `{"D":"a\"b\\","ZipFile":"aGk="}`, `{"D":"a\"b\\","ZipFile":""}`, "hi", true},
		"empty":     {"an empty archive is present", []string{"ZipFile"}, `{"ZipFile":""}`, `{"ZipFile":""}`, "", true},
		"none":      {"no body", []string{"ZipFile"}, ``, ``, "", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := newArchive(t)
			rest, err := extract(iotest.OneByteReader(strings.NewReader(c.text)), c.path, a)
			if err != nil {
				t.Fatalf("%s: %v", c.reason, err)
			}
			if string(rest) != c.rest || string(a.bytes(t)) != c.archive || a.present != c.present {
				t.Errorf("%s: rest %q, archive %q (%v); want %q, %q (%v)", c.reason, rest, a.bytes(t), a.present, c.rest, c.archive, c.present)
			}
		})
	}
}

func TestExtractRefuses(t *testing.T) {
	var corrupt base64.CorruptInputError
	cases := map[string]struct {
		reason string
		text   string
		is     func(error) bool
	}{
		"not base64":    {"other characters", `{"ZipFile":"@@@@"}`, func(err error) bool { return errors.As(err, &corrupt) }},
		"half base64":   {"the string ends within a group", `{"ZipFile":"aG"}`, func(err error) bool { return errors.As(err, &corrupt) }},
		"after padding": {"nothing may follow the padding", `{"ZipFile":"aGk=aGk="}`, func(err error) bool { return errors.As(err, &corrupt) }},
		"other escape":  {"an escape that no base64 needs", `{"ZipFile":"\t"}`, func(err error) bool { return errors.As(err, &corrupt) }},
		"high escape":   {"a character beyond ASCII", `{"ZipFile":"\u1234"}`, func(err error) bool { return errors.As(err, &corrupt) }},
		"twice":         {"two archives", `{"ZipFile":"","ZipFile":""}`, func(err error) bool { return lambda.CodeOf(err) == lambda.CodeInvalidRequestContent }},
		"cut":           {"the body ends within the archive", `{"ZipFile":"aGk`, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		"cut member":    {"the body ends within a string", `{"Zip`, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		"closed":        {"more is closed than was opened", `}`, func(err error) bool { return errors.Is(err, errNotJSON) }},
		"long string":   {"members are bounded", `{"a":"` + strings.Repeat("x", maxUploadMembers) + `"}`, func(err error) bool { return errors.Is(err, errMembersTooLarge) }},
		"long members":  {"members are bounded", strings.Repeat(" ", maxUploadMembers+1), func(err error) bool { return errors.Is(err, errMembersTooLarge) }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := extract(strings.NewReader(c.text), []string{"ZipFile"}, newArchive(t)); !c.is(err) {
				t.Errorf("%s: error %v", c.reason, err)
			}
		})
	}
}

func TestArchiveGoesToAFile(t *testing.T) {
	a := newArchive(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 3*inMemory/16)
	text := fmt.Sprintf(`{"ZipFile":%q}`, base64.StdEncoding.EncodeToString(content))
	if _, err := extract(strings.NewReader(text), []string{"ZipFile"}, a); err != nil {
		t.Fatal(err)
	}
	if a.file == nil || a.head.Len() != 0 {
		t.Errorf("a large archive is still in memory: %d bytes", a.head.Len())
	}
	if !bytes.Equal(a.bytes(t), content) {
		t.Error("the archive is not what was sent")
	}
}

func TestArchiveIsBounded(t *testing.T) {
	a := newArchive(t)
	a.size = lambda.MaxZip - 1
	if _, err := a.Write([]byte("12")); lambda.CodeOf(err) != lambda.CodeRequestEntityTooLarge {
		t.Errorf("Write beyond the limit: %v", err)
	}
}

// FuzzExtract holds that what is left of a valid JSON text is valid and says the same, but for the archive.
func FuzzExtract(f *testing.F) {
	for _, seed := range []string{
		`{"Code":{"ZipFile":"aGk="},"FunctionName":"x"}`, `{"Code":{"ZipFile":"\u0061Gk="}}`, `{"Code":null}`,
		`[{"Code":{"ZipFile":""}}]`, `{"a":"\\\"","Code":{"b":[1,{"c":"ZipFile"}],"ZipFile":"aGk="}}`, `"`, `}{`, ``, `{"Code":{"ZipFile":"a"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a := newArchive(t)
		rest, err := extract(bytes.NewReader(text), []string{"Code", "ZipFile"}, a)
		if err != nil || !json.Valid(text) {
			return
		}
		if !json.Valid(rest) {
			t.Fatalf("%q became %q, which is not JSON", text, rest)
		}
		if !a.present && !bytes.Equal(rest, text) {
			t.Errorf("%q became %q without an archive in it", text, rest)
		}
		if err := json.Unmarshal(rest, &struct{ Code struct{ ZipFile taken } }{}); err != nil {
			return // it also stands there under another spelling, which is refused
		}
		var body struct{ Code struct{ ZipFile []byte } }
		if a.present && json.Unmarshal(text, &body) == nil && !bytes.Equal(body.Code.ZipFile, a.bytes(t)) {
			t.Errorf("the archive in %q is %q, want %q", text, a.bytes(t), body.Code.ZipFile)
		}
	})
}

// FuzzDecode holds that no body breaks decoding, and that whatever is wrong is said as an error of the API.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, ``, `null`, `[]`, `{"FunctionName":1}`, `{"VpcConfig":{"SubnetIds":["a"]}}`, `{"Nope":1}`, `{"SnapStart":{"ApplyOn":"None"}}`, `{} {}`, `{"Timeout":1e9}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, in := range []any{new(createFunctionInput), new(updateFunctionConfigurationInput), new(updateAliasInput), new(urlInput), new(eventInvokeInput)} {
			err := decodeJSON(body, in)
			if code := lambda.CodeOf(err); err != nil && code != lambda.CodeInvalidRequestContent && code != lambda.CodeInvalidParameterValue {
				t.Errorf("%q: %v", body, err)
			}
			if c, ok := in.(*createFunctionInput); ok && err == nil {
				_ = c.check()
				_ = c.refuse()
			}
		}
	})
}

// FuzzMarker holds that no marker but one of this list is taken, whatever it says.
func FuzzMarker(f *testing.F) {
	own := page{marker: marker{List: "0123456789ab"}}
	for _, seed := range []string{"", "e30", own.next("t", ""), own.next("", "k"), page{marker: marker{List: "other"}}.next("t", "k"), "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := own
		if err := p.read(text); err == nil && p.List != own.List {
			t.Errorf("%q is taken for a marker of this list", text)
		}
	})
}
