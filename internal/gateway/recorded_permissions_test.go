package gateway_test

import (
	"net/http"
	"strconv"
	"testing"
)

// TestRecordedPermissions sends what the recorded errors about permissions were the answers to.
func TestRecordedPermissions(t *testing.T) {
	f := newFixture(t)
	f.create("fn")
	f.create("bare")
	f.permit("fn", "s3")
	f.layer("lib")
	const ofLayer = layers + "/lib/versions/1/policy"
	layer := func(sid, action string) string {
		return `{"StatementId":"` + sid + `","Action":"` + action + `","Principal":"*"}`
	}
	if r := f.request(http.MethodPost, ofLayer, layer("s1", "lambda:GetLayerVersion")); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	permission := func(sid, principal, revision string) string {
		return `{"StatementId":"` + sid + `","Action":"lambda:InvokeFunction","Principal":"` + principal + `","RevisionId":"` + revision + `"}`
	}
	const of, s3 = functions + "/fn/policy", "s3.amazonaws.com"
	requests := map[int]asked{
		40:  {"POST", of, permission("new", "invalid.nonaws.com", ""), nil},
		58:  {"POST", of + "?Qualifier=%24LATEST", permission("new", s3, ""), nil},
		64:  {"POST", ofLayer + "?RevisionId=wrong", layer("new", "lambda:GetLayerVersion"), nil},
		65:  {"POST", of, permission("new", s3, "wrong"), nil},
		75:  {"POST", ofLayer, layer("s1", "lambda:GetLayerVersion"), nil},
		76:  {"POST", of, permission("s3", s3, ""), nil},
		83:  {"POST", of + "?Qualifier=alias-doesnotexist", permission("new", s3, ""), nil},
		95:  {"POST", of + "?Qualifier=42", permission("new", s3, ""), nil},
		96:  {"POST", of + "?Qualifier=valid-with-%24-but-doesnotexist", permission("new", s3, ""), nil},
		106: {"POST", layers + "/lib-doesnotexist/versions/1/policy", layer("new", "lambda:GetLayerVersion"), nil},
		107: {"POST", layers + "/lib/versions/2/policy", layer("new", "lambda:GetLayerVersion"), nil},
		108: {"DELETE", functions + "/doesnotexist/policy/s3", "", nil},
		109: {"DELETE", functions + "/bare/policy/s3", "", nil},
		110: {"DELETE", ofLayer + "/doesnotexist", "", nil},
		111: {"DELETE", of + "/non-existent", "", nil},
		124: {"POST", ofLayer, layer("new", "*"), nil},
		145: {"POST", of, permission("example.com", s3, ""), nil},
	}
	all := recordings(t)
	for number, a := range requests {
		t.Run(strconv.Itoa(number), func(t *testing.T) {
			all[number].compare(t, f.request(a.method, a.path, a.body), a.pairs...)
		})
	}
}
