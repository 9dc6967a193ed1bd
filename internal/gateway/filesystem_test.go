package gateway_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/gateway"
)

// TestFileSystems holds that access points are volume claims, are told back, and are refused where there are none.
func TestFileSystems(t *testing.T) {
	f := newFixture(t, func(c *gateway.Config) { c.Volumes = true })
	const arn = "arn:aws:elasticfilesystem:" + region + ":" + account + ":access-point/fsap-0123456789abcdef0"
	f.create("fn", func(in *sdk.CreateFunctionInput) {
		in.FileSystemConfigs = []types.FileSystemConfig{{Arn: aws.String(arn), LocalMountPath: aws.String("/mnt/data")}}
	})
	var fn v1alpha1.Function
	f.get("fn", &fn)
	if diff := cmp.Diff([]v1alpha1.FileSystem{{Claim: "fsap-0123456789abcdef0", MountPath: "/mnt/data"}}, fn.Spec.FileSystems); diff != "" {
		t.Error(diff)
	}
	got, err := f.client.GetFunctionConfiguration(t.Context(), &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("fn")})
	if err != nil || len(got.FileSystemConfigs) != 1 || aws.ToString(got.FileSystemConfigs[0].Arn) != arn || aws.ToString(got.FileSystemConfigs[0].LocalMountPath) != "/mnt/data" {
		t.Errorf("told back: %+v, %v", got, err)
	}
	refusals := map[string]struct{ reason, body, want string }{
		"Region": {"a file system elsewhere", `{"FileSystemConfigs":[{"Arn":"arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/a","LocalMountPath":"/mnt/a"}]}`,
			"The file system arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/a is not one of region us-east-1 and account 123456789012: access points are the volume claims of this namespace."},
		"Path": {"a place outside of /mnt", `{"FileSystemConfigs":[{"Arn":"` + arn + `","LocalMountPath":"/etc"}]}`,
			"1 validation error detected: Value '/etc' at 'fileSystemConfigs.1.member.localMountPath' failed to satisfy constraint: Member must satisfy regular expression pattern: /mnt/[a-zA-Z0-9-_.]+"},
	}
	for name, tc := range refusals {
		if r := f.request(http.MethodPut, functions+"/fn/configuration", tc.body); r.status != http.StatusBadRequest || r.message(t) != tc.want {
			t.Errorf("%s: %s: %d %s", name, tc.reason, r.status, r.body)
		}
	}
	if r := f.request(http.MethodPut, functions+"/fn/configuration", `{"FileSystemConfigs":[]}`); r.status != http.StatusOK || r.members(t)["FileSystemConfigs"] != nil {
		t.Errorf("taken away: %d %s", r.status, r.body)
	}
	alone := newFixture(t)
	r := alone.request(http.MethodPost, functions, body(`FileSystemConfigs=[{"Arn":"`+arn+`","LocalMountPath":"/mnt/data"}]`))
	if r.status != http.StatusBadRequest || r.header.Get("X-Amzn-Errortype") != "InvalidParameterValueException" {
		t.Errorf("on one machine: %d %s", r.status, r.body)
	}
}
