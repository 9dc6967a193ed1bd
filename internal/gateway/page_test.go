package gateway_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// TestMarkers holds that a marker is good for the list that gave it, and for no other.
func TestMarkers(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"a", "b", "c"} {
		f.create(name)
		f.publish(name)
	}
	first := f.request(http.MethodGet, functions+"?MaxItems=1", "").members(t)
	marker, _ := first["NextMarker"].(string)
	if marker == "" {
		t.Fatalf("no marker after the first of three: %v", first)
	}
	good := url.QueryEscape(marker)
	cases := map[string]struct {
		reason, path string
		status       int
	}{
		"Own":      {"the same list", functions + "?Marker=" + good, http.StatusOK},
		"Size":     {"another size of page is the same list", functions + "?MaxItems=2&Marker=" + good, http.StatusOK},
		"Filter":   {"another filter is another list", functions + "?FunctionVersion=ALL&Marker=" + good, http.StatusBadRequest},
		"Versions": {"another operation", functions + "/a/versions?Marker=" + good, http.StatusBadRequest},
		"Layers":   {"another kind", layers + "?Marker=" + good, http.StatusBadRequest},
		"Cut":      {"cut off", functions + "?Marker=" + url.QueryEscape(marker[:len(marker)-3]), http.StatusBadRequest},
		"Base64":   {"not even base64", functions + "?Marker=%25", http.StatusBadRequest},
		"Long":     {"too long to be one", functions + "?Marker=" + string(slices.Repeat([]byte("A"), 5000)), http.StatusBadRequest},
	}
	for name, tc := range cases {
		r := f.request(http.MethodGet, tc.path, "")
		if r.status != tc.status {
			t.Errorf("%s: %s: %d %s", name, tc.reason, r.status, r.body)
		}
		if tc.status == http.StatusBadRequest && r.header.Get("X-Amzn-Errortype") != "InvalidParameterValueException" {
			t.Errorf("%s: %s: %s", name, tc.reason, r.header.Get("X-Amzn-Errortype"))
		}
	}
}

// TestPagesOfVersions holds that pages of all versions of all functions have each once, wherever a page ends.
func TestPagesOfVersions(t *testing.T) {
	f := newFixture(t)
	var want []string
	for _, name := range []string{"a", "b", "c", "d"} {
		f.create(name)
		want = append(want, name+":$LATEST", name+":1", name+":2")
		for i := range int32(2) {
			if _, err := f.client.UpdateFunctionConfiguration(t.Context(), &sdk.UpdateFunctionConfigurationInput{
				FunctionName: aws.String(name), Timeout: aws.Int32(i + 7),
			}); err != nil {
				t.Fatal(err)
			}
			f.publish(name)
		}
	}
	for size := range int32(14) {
		got := f.list(sdk.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll, MaxItems: aws.Int32(size + 1)})
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d:\n%q\nwant\n%q", size+1, got, want)
		}
	}
}
