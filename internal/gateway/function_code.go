package gateway

import (
	"context"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/engine"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// codeInput says where code is. The archive itself is taken out before the members are decoded.
type codeInput struct {
	ZipFile  taken
	ImageUri string

	s3Input

	SourceKMSKeyArn refused `why:"there is no KMS here; give the archive unencrypted"`
}

// updateFunctionCodeInput is UpdateFunctionCodeRequest.
type updateFunctionCodeInput struct {
	codeInput

	Architectures []string
	Publish       bool
	DryRun        bool
	RevisionId    string

	PublishTo refused `why:"there are no capacity providers here; use Publish"`
}

// updateFunctionCode does UpdateFunctionCode.
func (g *gateway) updateFunctionCode(c *call) (any, error) {
	ref, err := g.unqualified(c)
	if err != nil {
		return nil, err
	}
	var in updateFunctionCodeInput
	upload, err := g.decodeUpload(c, &in, "ZipFile")
	if err != nil {
		return nil, err
	}
	defer upload.Close()
	var f faults
	checkArchitectures(in.Architectures, &f)
	if err := f.err(); err != nil {
		return nil, err
	}
	fn, err := g.updatable(c.r.Context(), ref, in.RevisionId)
	if err != nil {
		return nil, err
	}
	if err := checkSource(fn.Spec.PackageType, &in.codeInput, upload); err != nil {
		return nil, err
	}
	if err := g.verifyCode(c.r.Context(), fn.Spec.CodeSigningConfig); err != nil {
		return nil, err
	}
	if err := g.fetchCode(c.r.Context(), &in.s3Input, upload); err != nil {
		return nil, err
	}
	if in.DryRun {
		return g.dryRun(c.r.Context(), fn, upload)
	}
	return g.replaceCode(c.r.Context(), ref, &in, upload)
}

// dryRun says what would be if the code had been replaced, apart from the code itself.
func (g *gateway) dryRun(ctx context.Context, fn *v1alpha1.Function, upload *archive) (any, error) {
	if upload.present {
		if err := upload.check(); err != nil {
			return nil, err
		}
	}
	return g.describe(ctx, snapshotOf(fn, g.arn(nameOf(fn), "")))
}

func (g *gateway) replaceCode(ctx context.Context, ref lambda.Reference, in *updateFunctionCodeInput, upload *archive) (any, error) {
	code, err := g.takeCode(ctx, &in.codeInput, upload)
	if err != nil {
		return nil, err
	}
	fn, err := g.modify(ctx, ref, in.RevisionId, func(fn *v1alpha1.Function) error {
		if code.Image != nil && fn.Spec.Code.Image != nil {
			overrides := fn.Spec.Code.Image
			code.Image.EntryPoint, code.Image.Command, code.Image.WorkingDirectory = overrides.EntryPoint, overrides.Command, overrides.WorkingDirectory
		}
		fn.Spec.Code = code
		if len(in.Architectures) > 0 {
			fn.Spec.Architectures = architectures(in.Architectures)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !in.Publish {
		return g.describe(ctx, snapshotOf(fn, g.arn(ref.Name, "")))
	}
	v, _, err := engine.PublishVersion(ctx, g.engine, fn, "")
	if err != nil {
		return nil, err
	}
	return g.describe(ctx, versionSnapshot(v, g.arn(ref.Name, number(v))))
}

// checkSource refuses code that is not there, is there twice, or is of the other package type.
func checkSource(kind v1alpha1.PackageType, in *codeInput, upload *archive) error {
	if kind == v1alpha1.PackageTypeImage && in.ImageUri == "" {
		return invalid("Please provide ImageUri when updating a function with packageType Image.")
	}
	if kind != v1alpha1.PackageTypeImage && in.ImageUri != "" {
		return invalid("Please don't provide ImageUri when updating a function with packageType Zip.")
	}
	if in.ImageUri == "" && !upload.present && !in.given() {
		return invalid("Please provide a source for function code.")
	}
	if upload.present && (in.ImageUri != "" || in.given()) {
		return invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	}
	if in.ImageUri != "" && in.given() {
		return invalid("Please do not provide S3Bucket, S3Key or S3ObjectVersion when providing an ImageUri.")
	}
	return in.s3Input.check("")
}

// takeCode stores an upload and says where the code is.
func (g *gateway) takeCode(ctx context.Context, in *codeInput, upload *archive) (v1alpha1.Code, error) {
	if in.ImageUri != "" {
		return v1alpha1.Code{Image: &v1alpha1.Image{URI: in.ImageUri}}, nil
	}
	blob, err := g.store(ctx, upload)
	return v1alpha1.Code{Zip: blob}, err
}

func checkArchitectures(names []string, f *faults) {
	if len(names) > 1 {
		f.add(list(names), "architectures", "Member must have length less than or equal to 1")
		return
	}
	for _, name := range names {
		if name != string(v1alpha1.ArchitectureX86) && name != string(v1alpha1.ArchitectureARM) {
			f.add(list(names), "architectures", "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")
		}
	}
}

func architectures(names []string) []v1alpha1.Architecture {
	var out []v1alpha1.Architecture
	for _, name := range names {
		out = append(out, v1alpha1.Architecture(name))
	}
	return out
}
