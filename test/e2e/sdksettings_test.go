package e2e

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// settings are the things around the function: layers, tags, URLs, rules for events, and concurrency.
func (s *sdkRun) settings() error {
	for _, step := range []func() error{s.layers, s.tags, s.urls, s.events, s.provisioned, s.codeSigning} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (s *sdkRun) layers() error {
	code, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	lib := aws.String("lib")
	made, err := s.client.PublishLayerVersion(s.ctx, &lambda.PublishLayerVersionInput{
		LayerName: lib, Description: aws.String("a layer"), Content: &types.LayerVersionContentInput{ZipFile: code},
		CompatibleRuntimes: []types.Runtime{types.RuntimeNodejs22x}, CompatibleArchitectures: []types.Architecture{types.ArchitectureArm64},
	})
	if err != nil {
		return err
	}
	got, err := s.client.GetLayerVersionByArn(s.ctx, &lambda.GetLayerVersionByArnInput{Arn: made.LayerVersionArn})
	if err != nil {
		return err
	}
	list, err := s.client.ListLayers(s.ctx, &lambda.ListLayersInput{CompatibleRuntime: types.RuntimeNodejs22x, CompatibleArchitecture: types.ArchitectureArm64})
	if err != nil {
		return err
	}
	other, err := s.client.ListLayers(s.ctx, &lambda.ListLayersInput{CompatibleRuntime: types.RuntimePython313})
	if err != nil {
		return err
	}
	fmt.Printf("layer %d, %s, %v, same code: %t, listed: %d, for another runtime: %d\n", got.Version, aws.ToString(got.Description),
		got.CompatibleArchitectures, aws.ToString(got.Content.CodeSha256) == aws.ToString(made.Content.CodeSha256), len(list.Layers), len(other.Layers))
	_, err = s.client.DeleteLayerVersion(s.ctx, &lambda.DeleteLayerVersionInput{LayerName: lib, VersionNumber: aws.Int64(made.Version)})
	return err
}

func (s *sdkRun) tags() error {
	arn := aws.String("arn:aws:lambda:us-east-1:000000000000:function:fn")
	if _, err := s.client.TagResource(s.ctx, &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"team": "one", "a b": "c=d/e"}}); err != nil {
		return err
	}
	if _, err := s.client.UntagResource(s.ctx, &lambda.UntagResourceInput{Resource: arn, TagKeys: []string{"team"}}); err != nil {
		return err
	}
	got, err := s.client.ListTags(s.ctx, &lambda.ListTagsInput{Resource: arn})
	if err != nil {
		return err
	}
	fmt.Println("tags:", got.Tags)
	return nil
}

func (s *sdkRun) urls() error {
	for _, qualifier := range []*string{nil, aws.String("live")} {
		_, err := s.client.CreateFunctionUrlConfig(s.ctx, &lambda.CreateFunctionUrlConfigInput{
			FunctionName: fn, Qualifier: qualifier, AuthType: types.FunctionUrlAuthTypeNone, InvokeMode: types.InvokeModeResponseStream,
			Cors: &types.Cors{AllowOrigins: []string{"*"}, MaxAge: aws.Int32(60)},
		})
		if err != nil {
			return err
		}
	}
	_, err := s.client.CreateFunctionUrlConfig(s.ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: fn, AuthType: types.FunctionUrlAuthTypeNone})
	if conflict := new(types.ResourceConflictException); !errors.As(err, &conflict) {
		return fmt.Errorf("a second URL gave %w, want ResourceConflictException", err)
	}
	count := 0
	pages := lambda.NewListFunctionUrlConfigsPaginator(s.client, &lambda.ListFunctionUrlConfigsInput{FunctionName: fn, MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		if err != nil {
			return err
		}
		count += len(page.FunctionUrlConfigs)
	}
	changed, err := s.client.UpdateFunctionUrlConfig(s.ctx, &lambda.UpdateFunctionUrlConfigInput{FunctionName: fn, Qualifier: aws.String("live"), InvokeMode: types.InvokeModeBuffered})
	if err != nil {
		return err
	}
	fmt.Printf("URLs: %d, changed to %s, CORS kept: %t\n", count, changed.InvokeMode, changed.Cors != nil)
	for _, qualifier := range []*string{nil, aws.String("live")} {
		if _, err := s.client.DeleteFunctionUrlConfig(s.ctx, &lambda.DeleteFunctionUrlConfigInput{FunctionName: fn, Qualifier: qualifier}); err != nil {
			return err
		}
	}
	return nil
}

func (s *sdkRun) events() error {
	put, err := s.client.PutFunctionEventInvokeConfig(s.ctx, &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: fn, Qualifier: aws.String("live"), MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String("arn:aws:lambda:us-east-1:000000000000:function:other")}},
	})
	if err != nil {
		return err
	}
	changed, err := s.client.UpdateFunctionEventInvokeConfig(s.ctx, &lambda.UpdateFunctionEventInvokeConfigInput{
		FunctionName: fn, Qualifier: aws.String("live"), MaximumEventAgeInSeconds: aws.Int32(90),
	})
	if err != nil {
		return err
	}
	fmt.Printf("events of %s: %d retries, %d s, kept: %t\n", aws.ToString(put.FunctionArn), aws.ToInt32(changed.MaximumRetryAttempts),
		aws.ToInt32(changed.MaximumEventAgeInSeconds), changed.DestinationConfig != nil && changed.DestinationConfig.OnFailure != nil)
	_, err = s.client.DeleteFunctionEventInvokeConfig(s.ctx, &lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: fn, Qualifier: aws.String("live")})
	return err
}

// provisioned waits for environments as programs do that have no waiter for it: by asking again.
func (s *sdkRun) provisioned() error {
	two := aws.String("2")
	if _, err := s.client.PutProvisionedConcurrencyConfig(s.ctx, &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: fn, Qualifier: two, ProvisionedConcurrentExecutions: aws.Int32(1)}); err != nil {
		return err
	}
	var got *lambda.GetProvisionedConcurrencyConfigOutput
	for deadline := time.Now().Add(patience()); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var err error
		got, err = s.client.GetProvisionedConcurrencyConfig(s.ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: fn, Qualifier: two})
		if err != nil {
			return err
		}
		if got.Status != types.ProvisionedConcurrencyStatusEnumInProgress {
			break
		}
	}
	list, err := s.client.ListProvisionedConcurrencyConfigs(s.ctx, &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: fn})
	if err != nil {
		return err
	}
	fmt.Printf("provisioned: %s, %d of %d, listed: %d\n", got.Status, aws.ToInt32(got.AvailableProvisionedConcurrentExecutions),
		aws.ToInt32(got.RequestedProvisionedConcurrentExecutions), len(list.ProvisionedConcurrencyConfigs))
	_, err = s.client.DeleteProvisionedConcurrencyConfig(s.ctx, &lambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: fn, Qualifier: two})
	return err
}

// codeSigning binds a configuration to the function, and lets it go.
func (s *sdkRun) codeSigning() error {
	made, err := s.client.CreateCodeSigningConfig(s.ctx, &lambda.CreateCodeSigningConfigInput{
		AllowedPublishers: &types.AllowedPublishers{SigningProfileVersionArns: []string{"arn:aws:signer:us-east-1:000000000000:/signing-profiles/ours/0123456789"}},
	})
	if err != nil {
		return err
	}
	arn := made.CodeSigningConfig.CodeSigningConfigArn
	if _, err := s.client.PutFunctionCodeSigningConfig(s.ctx, &lambda.PutFunctionCodeSigningConfigInput{FunctionName: fn, CodeSigningConfigArn: arn}); err != nil {
		return err
	}
	_, err = s.client.DeleteCodeSigningConfig(s.ctx, &lambda.DeleteCodeSigningConfigInput{CodeSigningConfigArn: arn})
	inUse := new(types.ResourceConflictException)
	if !errors.As(err, &inUse) {
		return fmt.Errorf("deleting a configuration in use gave %w, want ResourceConflictException", err)
	}
	list, err := s.client.ListFunctionsByCodeSigningConfig(s.ctx, &lambda.ListFunctionsByCodeSigningConfigInput{CodeSigningConfigArn: arn})
	if err != nil {
		return err
	}
	fmt.Println("signed:", list.FunctionArns)
	if _, err := s.client.DeleteFunctionCodeSigningConfig(s.ctx, &lambda.DeleteFunctionCodeSigningConfigInput{FunctionName: fn}); err != nil {
		return err
	}
	_, err = s.client.DeleteCodeSigningConfig(s.ctx, &lambda.DeleteCodeSigningConfigInput{CodeSigningConfigArn: arn})
	return err
}
