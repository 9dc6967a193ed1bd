package gateway_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/gateway"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// applied is a bench whose functions were written by kubectl: without what their manifests leave out.
type applied struct {
	*bench

	protocol v1alpha1.Protocol
}

func (a applied) Get(ctx context.Context, name string, obj v1alpha1.Object) error {
	err := a.bench.Get(ctx, name, obj)
	if fn, ok := obj.(*v1alpha1.Function); ok {
		fn.Spec.Timeout, fn.Spec.MemorySize, fn.Spec.Logging = 0, 0, nil
		fn.Status.Protocol = a.protocol
	}
	return err
}

func TestDefaultsOfAppliedFunctions(t *testing.T) {
	cases := map[string]struct {
		reason          string
		protocol        v1alpha1.Protocol
		timeout, memory int32
		logs            bool
	}{
		"function":  {"Clients of the Lambda API rely on the defaults.", v1alpha1.ProtocolLambda, 3, 128, true},
		"container": {"They do not hold for what answers HTTP itself.", v1alpha1.ProtocolHTTP, 0, 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.create("orders")
			identity := lambda.Identity{Region: region, Account: account}
			server := httptest.NewServer(gateway.New(applied{f.bench, tc.protocol}, gateway.Config{Identity: identity, TempDir: t.TempDir()}))
			t.Cleanup(server.Close)
			options := f.client.Options()
			options.BaseEndpoint = aws.String(server.URL)
			got, err := sdk.New(options).GetFunctionConfiguration(t.Context(), &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("orders")})
			if err != nil {
				t.Fatal(err)
			}
			if aws.ToInt32(got.Timeout) != tc.timeout || aws.ToInt32(got.MemorySize) != tc.memory || (aws.ToString(got.LoggingConfig.LogGroup) != "") != tc.logs {
				t.Errorf("%s\ntimeout %d, memory %d, logs %+v", tc.reason, aws.ToInt32(got.Timeout), aws.ToInt32(got.MemorySize), got.LoggingConfig)
			}
		})
	}
}
