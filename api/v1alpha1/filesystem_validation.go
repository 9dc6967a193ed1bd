package v1alpha1

import (
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxFileSystems is how many volumes a function may share.
const maxFileSystems = 5

// maxMountPath is how long the path of a volume may be.
const maxMountPath = 160

var mountPathForm = regexp.MustCompile(`^/mnt/[a-zA-Z0-9-_.]+$`)

// validateFileSystems gives every fault of the volumes: each has a claim, and a path of its own.
func validateFileSystems(all []FileSystem, at *field.Path) field.ErrorList {
	var faults field.ErrorList
	if len(all) > maxFileSystems {
		faults = append(faults, field.TooMany(at, len(all), maxFileSystems))
	}
	seen := make(map[string]bool, len(all))
	for i, f := range all {
		faults = append(faults, validateSubdomain(f.Claim, at.Index(i).Child("claim"))...)
		path := at.Index(i).Child("mountPath")
		if !mountPathForm.MatchString(f.MountPath) || f.MountPath == "/mnt/." || f.MountPath == "/mnt/.." || len(f.MountPath) > maxMountPath {
			faults = append(faults, field.Invalid(path, f.MountPath, "must be /mnt/NAME, the name of letters, digits, dots, hyphens and underscores"))
		}
		if seen[f.MountPath] {
			faults = append(faults, field.Duplicate(path, f.MountPath))
		}
		seen[f.MountPath] = true
	}
	return faults
}
