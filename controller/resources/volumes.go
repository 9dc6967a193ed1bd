package resources

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// mounts are what the function sees of volumes: temporary files of its own, and what it shares.
func (w *Workload) mounts() []corev1.VolumeMount {
	var all []corev1.VolumeMount
	if w.ownTmp() {
		all = append(all, corev1.VolumeMount{Name: tmpVolume, MountPath: tmpPath})
	}
	for i, f := range w.Spec.FileSystems {
		all = append(all, corev1.VolumeMount{Name: sharedVolume(i), MountPath: f.MountPath})
	}
	return all
}

// volumes are the volumes of the mounts.
func (w *Workload) volumes() []corev1.Volume {
	var all []corev1.Volume
	if w.ownTmp() {
		all = append(all, w.tmpVolume())
	}
	for i, f := range w.Spec.FileSystems {
		claim := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: f.Claim}
		all = append(all, corev1.Volume{Name: sharedVolume(i), VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: claim}})
	}
	return all
}

// sharedVolume names a volume by its place in the spec; claims may have names that volumes cannot have.
func sharedVolume(i int) string { return "shared-" + strconv.Itoa(i) }
