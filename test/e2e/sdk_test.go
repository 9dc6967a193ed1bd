package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// sdkMain is the command sdk: a function's life with aws-sdk-go-v2 against $AWS_ENDPOINT_URL. It prints what it sees.
func sdkMain() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sdk FIRST.ZIP SECOND.ZIP")
		os.Exit(2)
	}
	s := &sdkRun{ctx: context.Background(), client: lambda.New(lambda.Options{
		BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL")), Region: os.Getenv("AWS_REGION"), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})}
	for _, step := range []func() error{s.create, s.stream, s.release, s.invoke, s.list, s.policies, s.settings, s.refusals, s.remove} {
		if err := step(); err != nil {
			fmt.Fprintln(os.Stderr, "sdk:", err)
			os.Exit(1)
		}
	}
}

// sdkRun is one run; each of its steps begins where the one before has ended.
type sdkRun struct {
	ctx    context.Context
	client *lambda.Client
}

var fn = aws.String("fn") // the name of the function of all steps

func (s *sdkRun) create() error {
	code, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	for _, name := range []string{"fn", "other"} {
		made, err := s.client.CreateFunction(s.ctx, &lambda.CreateFunctionInput{
			FunctionName: aws.String(name), Runtime: types.RuntimeNodejs22x, Handler: aws.String("index.handler"),
			Role: aws.String("arn:aws:iam::000000000000:role/any"), Code: &types.FunctionCode{ZipFile: code},
		})
		if err != nil {
			return err
		}
		if name == "fn" {
			fmt.Println("created", made.State)
		}
	}
	waiter := lambda.NewFunctionActiveV2Waiter(s.client, func(o *lambda.FunctionActiveV2WaiterOptions) { o.MinDelay = 10 * time.Millisecond })
	out, err := waiter.WaitForOutput(s.ctx, &lambda.GetFunctionInput{FunctionName: fn}, patience())
	if err != nil {
		return err
	}
	fmt.Println("active", out.Configuration.State)
	return nil
}

// stream invokes twice: once it succeeds, once it fails after the stream was opened.
func (s *sdkRun) stream() error {
	chunks, _, err := s.streamed(`{}`)
	if err != nil {
		return err
	}
	fmt.Printf("streamed in chunks: %t\n%s", len(chunks) > 1, strings.Join(chunks, ""))
	_, end, err := s.streamed(`{"fail":true}`)
	if err != nil {
		return err
	}
	fmt.Printf("stream failed: %s, told to: %t, log: %t\n", aws.ToString(end.ErrorCode),
		strings.Contains(aws.ToString(end.ErrorDetails), "told to"), aws.ToString(end.LogResult) != "")
	return nil
}

func (s *sdkRun) streamed(event string) (chunks []string, end types.InvokeWithResponseStreamCompleteEvent, err error) {
	out, err := s.client.InvokeWithResponseStream(s.ctx, &lambda.InvokeWithResponseStreamInput{FunctionName: fn, Payload: []byte(event), LogType: types.LogTypeTail})
	if err != nil {
		return nil, end, err
	}
	stream := out.GetStream()
	for e := range stream.Events() {
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			chunks = append(chunks, string(e.Value.Payload))
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			end = e.Value
		}
	}
	return chunks, end, errors.Join(stream.Err(), stream.Close())
}

// release makes two versions with an alias between them.
func (s *sdkRun) release() error {
	for _, how := range []types.InvocationType{types.InvocationTypeDryRun, types.InvocationTypeEvent} {
		out, err := s.client.Invoke(s.ctx, &lambda.InvokeInput{FunctionName: fn, InvocationType: how})
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d\n", map[types.InvocationType]string{types.InvocationTypeDryRun: "dry run", types.InvocationTypeEvent: "event"}[how], out.StatusCode)
	}
	version, err := s.client.PublishVersion(s.ctx, &lambda.PublishVersionInput{FunctionName: fn})
	if err != nil {
		return err
	}
	published := lambda.NewPublishedVersionActiveWaiter(s.client, func(o *lambda.PublishedVersionActiveWaiterOptions) { o.MinDelay = 10 * time.Millisecond })
	seen, err := published.WaitForOutput(s.ctx, &lambda.GetFunctionConfigurationInput{FunctionName: fn, Qualifier: version.Version}, patience())
	if err != nil {
		return err
	}
	fmt.Println("version", aws.ToString(version.Version), seen.State)
	changed, err := s.client.UpdateFunctionConfiguration(s.ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: fn, Timeout: aws.Int32(7), MemorySize: aws.Int32(256), Environment: &types.Environment{Variables: map[string]string{"STAGE": "dev"}},
	})
	if err != nil {
		return err
	}
	fmt.Printf("configured: %d s, %d MB\n", aws.ToInt32(changed.Timeout), aws.ToInt32(changed.MemorySize))
	if err := s.updated(); err != nil {
		return err
	}
	return s.second()
}

func (s *sdkRun) updated() error {
	waiter := lambda.NewFunctionUpdatedV2Waiter(s.client, func(o *lambda.FunctionUpdatedV2WaiterOptions) { o.MinDelay = 10 * time.Millisecond })
	out, err := waiter.WaitForOutput(s.ctx, &lambda.GetFunctionInput{FunctionName: fn}, patience())
	if err != nil {
		return err
	}
	fmt.Println("updated", out.Configuration.LastUpdateStatus)
	return nil
}

func (s *sdkRun) second() error {
	code, err := os.ReadFile(os.Args[2])
	if err != nil {
		return err
	}
	version, err := s.client.UpdateFunctionCode(s.ctx, &lambda.UpdateFunctionCodeInput{FunctionName: fn, ZipFile: code, Publish: true})
	if err != nil {
		return err
	}
	fmt.Println("version", aws.ToString(version.Version))
	alias, err := s.client.CreateAlias(s.ctx, &lambda.CreateAliasInput{
		FunctionName: fn, Name: aws.String("live"), FunctionVersion: aws.String("1"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.5}},
	})
	if err != nil {
		return err
	}
	fmt.Printf("alias %s: %s, 2=%v\n", aws.ToString(alias.Name), aws.ToString(alias.FunctionVersion), alias.RoutingConfig.AdditionalVersionWeights["2"])
	return nil
}

func (s *sdkRun) invoke() error {
	out, err := s.client.Invoke(s.ctx, &lambda.InvokeInput{
		FunctionName: fn, Qualifier: aws.String("2"), Payload: []byte(`{"n":1}`), LogType: types.LogTypeTail,
		ClientContext: aws.String("eyJjdXN0b20iOnsiayI6InYifX0="), // {"custom":{"k":"v"}}
	})
	if err != nil {
		return err
	}
	fmt.Printf("answered by %s: %s, log: %t\n", aws.ToString(out.ExecutedVersion), out.Payload, aws.ToString(out.LogResult) != "")
	out, err = s.client.Invoke(s.ctx, &lambda.InvokeInput{FunctionName: fn, Qualifier: aws.String("1"), Payload: []byte(`{"fail":true}`)})
	if err != nil {
		return err
	}
	fmt.Printf("failed by %s: %s\n", aws.ToString(out.ExecutedVersion), aws.ToString(out.FunctionError))
	return nil
}

func (s *sdkRun) list() error {
	var versions, aliases []string
	pages := lambda.NewListVersionsByFunctionPaginator(s.client, &lambda.ListVersionsByFunctionInput{FunctionName: fn, MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			versions = append(versions, aws.ToString(v.Version))
		}
	}
	fmt.Println("versions:", strings.Join(versions, " "))
	out, err := s.client.ListAliases(s.ctx, &lambda.ListAliasesInput{FunctionName: fn})
	if err != nil {
		return err
	}
	for _, a := range out.Aliases {
		aliases = append(aliases, aws.ToString(a.Name))
	}
	fmt.Println("aliases:", strings.Join(aliases, " "))
	return nil
}

// refusals looks at errors by their types, as programs do.
func (s *sdkRun) refusals() error {
	if _, err := s.client.PutFunctionConcurrency(s.ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: fn, ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		return err
	}
	_, err := s.client.Invoke(s.ctx, &lambda.InvokeInput{FunctionName: fn})
	throttled := new(types.TooManyRequestsException)
	if !errors.As(err, &throttled) {
		return fmt.Errorf("a stopped function gave %w, want TooManyRequestsException", err)
	}
	fmt.Printf("throttled: %s, %s\n", throttled.Reason, aws.ToString(throttled.Type))
	_, err = s.client.Invoke(s.ctx, &lambda.InvokeInput{FunctionName: aws.String("nobody")})
	missing := new(types.ResourceNotFoundException)
	if !errors.As(err, &missing) {
		return fmt.Errorf("no function gave %w, want ResourceNotFoundException", err)
	}
	fmt.Println("not found:", missing.ErrorMessage())
	return nil
}

func (s *sdkRun) remove() error {
	names, err := s.functions()
	if err != nil {
		return err
	}
	fmt.Println("functions:", strings.Join(names, " "))
	for _, name := range names {
		if _, err := s.client.DeleteFunction(s.ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(name)}); err != nil {
			return err
		}
	}
	fmt.Println("deleted")
	names, err = s.functions()
	fmt.Println("left:", len(names))
	return err
}

func (s *sdkRun) functions() ([]string, error) {
	var names []string
	pages := lambda.NewListFunctionsPaginator(s.client, &lambda.ListFunctionsInput{MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Functions {
			names = append(names, aws.ToString(f.FunctionName))
		}
	}
	slices.Sort(names)
	return names, nil
}
