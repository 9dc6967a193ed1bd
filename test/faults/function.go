package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

const (
	functionName = "faulty"
	functionPath = "/2015-03-31/functions/" + functionName + "/invocations"
)

// functionManifest is the function, but for where its dead letters go. On a small cluster it leaves the others room.
const functionManifest = `apiVersion: lambkin.dev/v1alpha1
kind: Function
metadata: {name: faulty}
spec:
  runtime: provided.al2023
  handler: bootstrap
  timeout: 60
  deadLetter: {destination: %q}
  concurrency: {environmentsPerPod: 8}
  scaling: {maxScale: 2}
`

// asked is the function's event.
type asked struct {
	Tell string // where
	Work int    // in ms
	Fail bool   // always
}

// errTold is the failure of those events that are to fail.
var errTold = errors.New("told to fail")

// serve is the function.
func serve() {
	lambda.Start(func(ctx context.Context, in asked) error {
		about, ok := lambdacontext.FromContext(ctx)
		if !ok {
			return errors.New("there is no request id")
		}
		if err := tell(ctx, in.Tell+"/"+began+"/"+about.AwsRequestID); err != nil {
			return err
		}
		time.Sleep(time.Duration(in.Work) * time.Millisecond)
		if in.Fail {
			return errTold
		}
		return tell(ctx, in.Tell+"/"+ended+"/"+about.AwsRequestID)
	})
}

func tell(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client().Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the collector answers %s", resp.Status)
	}
	return resp.Body.Close()
}

// packSelf makes a folder in dir to be deployed: its bootstrap is this program, and its dead letters go to a collector.
func packSelf(dir, collector string) (folder string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	folder = filepath.Join(dir, "code")
	if err := os.Mkdir(folder, 0o755); err != nil {
		return "", err
	}
	return folder, errors.Join(
		os.WriteFile(filepath.Join(folder, "bootstrap"), program, 0o755), //nolint:gosec // it is to be executed
		os.WriteFile(filepath.Join(folder, "function.yaml"), fmt.Appendf(nil, functionManifest, collector+"/dead"), 0o600),
	)
}

// run runs lambkin, with variables besides those that this program has.
func (s settings) run(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, s.lambkin, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("lambkin %q: %w\n%s", args, err, out)
	}
	return nil
}
