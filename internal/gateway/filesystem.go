package gateway

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// fileSystemConfig is FileSystemConfig of the API's model. Access points are volume claims here, by their names.
type fileSystemConfig struct {
	Arn            string
	LocalMountPath string
}

// fileSystemInput is FileSystemConfig as requests have it.
type fileSystemInput struct {
	fileSystemConfig

	S3FilesConfig refused `why:"functions mount volume claims, not buckets; leave it out"`
}

// shownAccessPoint is the constraint that AWS quotes for the ARN of a file system.
const shownAccessPoint = `arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:\d{12}:access-point/fsap-[a-f0-9]{17}$` +
	`|^arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}`

var (
	// accessPointForm is wider than AWS's: whatever may be the name of a claim may be that of an access point.
	accessPointForm = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:elasticfilesystem:([a-z0-9-]+):(\d{12}):access-point/([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$`)
	mountPathForm   = regexp.MustCompile(`^/mnt/[a-zA-Z0-9-_.]+$`)
)

// checkFileSystems notes what breaks the model's constraints.
func checkFileSystems(all []fileSystemInput, f *faults) {
	if len(all) > 1 {
		f.add(fmt.Sprintf("[%d items]", len(all)), "fileSystemConfigs", "Member must have length less than or equal to 1")
	}
	for i, c := range all {
		at := fmt.Sprintf("fileSystemConfigs.%d.member.", i+1)
		f.pattern(&c.Arn, at+"arn", accessPointForm, shownAccessPoint)
		f.longest(&c.LocalMountPath, at+"localMountPath", 160)
		f.pattern(&c.LocalMountPath, at+"localMountPath", mountPathForm, "/mnt/[a-zA-Z0-9-_.]+")
	}
}

// refuseFileSystems fails where functions mount nothing, and on access points of others.
func (g *gateway) refuseFileSystems(all []fileSystemInput) error {
	if len(all) > 0 && !g.Volumes {
		return invalid("FileSystemConfigs is not supported here: one machine has no volume claims. " +
			"Put files into the archive, a layer or a store that the function reaches.")
	}
	for _, c := range all {
		m := accessPointForm.FindStringSubmatch(c.Arn)
		if m == nil || g.reachable(lambda.Reference{Region: m[1], Account: m[2]}) != nil {
			return invalid("The file system %s is not one of region %s and account %s: access points are the volume claims of this namespace.",
				c.Arn, g.Identity.Region, g.Identity.Account)
		}
	}
	return nil
}

// claimsOf are the claims that access points stand for.
func claimsOf(all []fileSystemInput) []v1alpha1.FileSystem {
	var out []v1alpha1.FileSystem
	for _, c := range all {
		_, claim, _ := strings.Cut(c.Arn, ":access-point/")
		out = append(out, v1alpha1.FileSystem{Claim: claim, MountPath: c.LocalMountPath})
	}
	return out
}

// fileSystems are claims as access points.
func (g *gateway) fileSystems(all []v1alpha1.FileSystem) []fileSystemConfig {
	var out []fileSystemConfig
	for _, f := range all {
		arn := fmt.Sprintf("arn:aws:elasticfilesystem:%s:%s:access-point/%s", g.Identity.Region, g.Identity.Account, f.Claim)
		out = append(out, fileSystemConfig{Arn: arn, LocalMountPath: f.MountPath})
	}
	return out
}
