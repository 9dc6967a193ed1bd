package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"time"

	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/bench/table"
)

// The source that is built: a function in Go that needs AWS's client.
var (
	//go:embed testdata/hello/go.mod.txt
	helloMod []byte
	//go:embed testdata/hello/go.sum.txt
	helloSum []byte
	//go:embed testdata/hello/main.go.txt
	helloMain []byte
)

// craneImage is an image of the test cluster with a shell, crane and a program at /src/hello.
const craneImage = "test/crane:1"

// sources measures from the beginning of an upload of a folder to the first answer of what Tekton has built of it, when
// modules and compiled packages are in the cache. The yardstick is how long two steps take that compile nothing.
func (b *bench) sources(ctx context.Context) ([]table.Row, error) {
	if b.platform.Build.CacheClaim == "" {
		return nil, fmt.Errorf("caches are cold: set build.cacheClaim, as CACHE_CLAIM=NAME does for test/e2e/install.sh")
	}
	if err := b.makeCache(ctx); err != nil {
		return nil, err
	}
	build, steps := b.firstAnswer("source", asSource, source), b.twoSteps
	if _, err := pairs(ctx, 1, func(ctx context.Context, _ int) (time.Duration, error) { return build(ctx, -1) },
		func(ctx context.Context, _ int) (time.Duration, error) { return steps(ctx, -1) }); err != nil { // warms up
		return nil, err
	}
	c, err := pairs(ctx, b.rounds, build, steps)
	if err != nil {
		return nil, err
	}
	b.say("source: %v : %v", c.ours, c.theirs)
	return []table.Row{c.row("from a source folder's upload to the first 200 through Tekton, warm caches, in units of a two-step TaskRun", 3)}, nil
}

// source is a zip of the folder, a little different each time.
func source(mark string) ([]byte, error) {
	main := append([]byte("// "+mark+"\n"), helloMain...)
	return packed(map[string][]byte{"go.mod": helloMod, "go.sum": helloSum, "main.go": main}, "")
}

// makeCache makes the claim for caches of builds, and where nobody else does, its volume.
func (b *bench) makeCache(ctx context.Context) error {
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("5Gi")}
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: b.platform.Build.CacheClaim},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: size},
		},
	}
	if b.clusterAt == "" {
		return b.client.Create(ctx, claim)
	}
	folder := filepath.Join(b.clusterAt, "cache-"+b.namespace)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(folder, 0o777); err != nil { // the node's kubelet gives such folders to nobody, and builds are not root
		return err
	}
	none := ""
	claim.Spec.StorageClassName, claim.Spec.VolumeName = &none, b.namespace
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: b.namespace},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes: claim.Spec.AccessModes, Capacity: size,
			ClaimRef:                      &corev1.ObjectReference{Namespace: b.namespace, Name: claim.Name},
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: folder}},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		},
	}
	b.atEnd(func(ctx context.Context) error {
		if err := b.remove(ctx, volume); err != nil {
			return err
		}
		return os.RemoveAll(folder)
	})
	if err := b.client.Create(ctx, volume); err != nil {
		return err
	}
	return b.client.Create(ctx, claim)
}

// twoSteps measures a TaskRun that packs a program into a layer, and pushes an image of it.
func (b *bench) twoSteps(ctx context.Context, round int) (time.Duration, error) {
	if err := b.noPods(ctx); err != nil {
		return 0, err
	}
	run := b.makeTaskRun(fmt.Sprintf("two-steps-%d", round+1))
	begin := time.Now()
	if err := b.client.Create(ctx, run); err != nil {
		return 0, err
	}
	_, err := await(ctx, b, run.Name, new(tekton.TaskRunList), func(run *tekton.TaskRun) (bool, error) {
		c := run.Status.GetCondition(apis.ConditionSucceeded)
		if c.IsFalse() {
			return false, fmt.Errorf("TaskRun %q failed: %s: %s", run.Name, c.Reason, c.Message)
		}
		return c.IsTrue(), nil
	})
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	return took, b.client.Delete(ctx, run, client.PropagationPolicy(metav1.DeletePropagationBackground))
}

const packScript = `#!/bin/sh
set -e
mkdir -p /tmp/l/fn
cp /src/hello /tmp/l/fn/main
tar -C /tmp/l -cf /workspace/layer.tar fn
ls -l /workspace
`

const pushScript = `#!/bin/sh
set -e
crane append -f /workspace/layer.tar -t $(params.image)
crane mutate --entrypoint /fn/main --user 65532 --set-platform linux/amd64 -t $(params.image) $(params.image)
crane digest $(params.image) | tee $(results.digest.path)
`

// makeTaskRun makes the yardstick.
func (b *bench) makeTaskRun(name string) *tekton.TaskRun {
	crane := b.shelf.inside + "/" + craneImage
	return &tekton.TaskRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name},
		Spec: tekton.TaskRunSpec{
			Params: tekton.Params{{Name: "image", Value: *tekton.NewStructuredValues(b.shelf.inside + "/" + b.namespace + "/two-steps:1")}},
			TaskSpec: &tekton.TaskSpec{
				Params:  tekton.ParamSpecs{{Name: "image", Type: tekton.ParamTypeString}},
				Results: []tekton.TaskResult{{Name: "digest", Type: tekton.ResultsTypeString}},
				Steps:   []tekton.Step{{Name: "package", Image: crane, Script: packScript}, {Name: "push", Image: crane, Script: pushScript}},
			},
		},
	}
}
