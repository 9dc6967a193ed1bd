package examine

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/platform"
)

// controllerDeployment and gatewayDeployment are what the release calls them.
const (
	controllerDeployment = "lambkin-controller"
	gatewayDeployment    = platform.GatewayService
)

func (x *Examiner) lambkin(ctx context.Context) []Finding {
	const what = "Lambkin"
	gv := v1alpha1.GroupVersion()
	there, err := x.has(gv.Group, gv.Version)
	if err != nil {
		return []Finding{{what, Broken, err.Error(), ""}}
	}
	if !there {
		return []Finding{{what, Broken, "it is not installed", "lambkin install --registry HOST/PATH, as a cluster administrator"}}
	}
	findings := []Finding{
		x.deployment(ctx, "controller", platform.Namespace, controllerDeployment),
		x.deployment(ctx, "gateway", platform.Namespace, gatewayDeployment),
		x.configuration(ctx),
	}
	return append(findings, x.registry(ctx))
}

func (x *Examiner) configuration(ctx context.Context) Finding {
	const what = "configuration"
	data, unreadable := x.settings(ctx, what, platform.Namespace, platform.ConfigMap)
	if unreadable != nil {
		return *unreadable
	}
	c, err := platform.Read(data)
	wayOut := fmt.Sprintf("kubectl -n %s edit configmap %s, or run \"lambkin install\" again", platform.Namespace, platform.ConfigMap)
	switch {
	case err != nil:
		return Finding{what, Broken, err.Error(), wayOut}
	case c.Registry.Prefix == "":
		return Finding{what, Broken, "registry.prefix is not set, so there is no place for images of functions", "lambkin install --registry HOST/PATH"}
	case c.Images.Runtime == "" || c.Images.Builder == "":
		return Finding{what, Broken, "images.runtime or images.builder is not set", wayOut}
	}
	detail := "images of functions go to " + c.Registry.Prefix
	if c.AWSAPI.AllowUnsigned {
		return Finding{what, Differs, detail + "; whoever reaches the gateway may use the Lambda API without a signature", "set awsAPI.allowUnsigned to false unless that is what you want"}
	}
	return Finding{what, Fine, detail, ""}
}

// registry stores a few bytes through the gateway and reads them back, so it shows all at once: that we may use the
// gateway, that it answers, and that it can push to the registry and pull from it. The bytes are always the same.
func (x *Examiner) registry(ctx context.Context) Finding {
	const what = "registry"
	probe, err := probeZip()
	if err != nil {
		return Finding{what, Broken, err.Error(), ""}
	}
	err = x.store(ctx, probe)
	if lambda.CodeOf(err) == lambda.CodeAccessDenied {
		return Finding{what, Missing, "not known: you may not use the gateway", ""}
	}
	if err != nil {
		return Finding{what, Broken, fmt.Sprintf("code cannot be kept there: %v", err),
			fmt.Sprintf("look at registry in ConfigMap %s/%s and at the log (kubectl -n %[1]s logs deployment/%[3]s); give credentials with \"lambkin -n %[1]s set registry-auth lambkin-registry\"",
				platform.Namespace, platform.ConfigMap, gatewayDeployment)}
	}
	return Finding{what, Fine, "the gateway stores and reads code there", ""}
}

func (x *Examiner) store(ctx context.Context, probe []byte) error {
	blob, err := x.Code.PutCode(ctx, bytes.NewReader(probe), lambda.MaxZip)
	if err != nil {
		return err
	}
	r, err := x.Code.OpenCode(ctx, blob)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	got, err := io.ReadAll(io.LimitReader(r, int64(len(probe))+1))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, probe) {
		return errors.New("what comes back is not what was stored")
	}
	return nil
}

// probeZip is an archive without files.
func probeZip() ([]byte, error) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	if err := errors.Join(w.SetComment("lambkin doctor"), w.Close()); err != nil {
		return nil, fmt.Errorf("make an archive to try with: %w", err)
	}
	return buf.Bytes(), nil
}
