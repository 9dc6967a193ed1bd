package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

const (
	// runtimeID is the runtime of the functions: programs that bring their own client.
	runtimeID = "provided.al2023"
	// scaleWindow is the shortest time after which Knative takes the last pod away.
	scaleWindow = 6 * time.Second
	memorySize  = 256
	maxZip      = 50 << 20
)

// packed is a zip with the files given. A mark, if there is one, makes it differ from all others.
func packed(files map[string][]byte, mark string) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	if mark != "" {
		files["mark"] = []byte(mark)
	}
	for name, content := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755 &^ fs.ModeDir)
		f, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

// program is a zip with the benchmark's handler. A mark makes it, and the image, one that no node has.
func (b *bench) program(mark string) ([]byte, error) {
	handler, err := os.ReadFile(b.handler)
	if err != nil {
		return nil, err
	}
	return packed(map[string][]byte{"bootstrap": handler}, mark)
}

// makeFunction is a function in Go with 256 MB, as people have them, that leaves the node soon.
func makeFunction(namespace, name string, code v1alpha1.Code) *v1alpha1.Function {
	return &v1alpha1.Function{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.FunctionSpec{
			Runtime: runtimeID, Handler: "bootstrap", MemorySize: memorySize, Timeout: 30, Code: code,
			Scaling: &v1alpha1.Scaling{Window: &metav1.Duration{Duration: scaleWindow}},
		},
	}
}

// deploy uploads code and makes a function of it, as the command line does. It gives the function when it is ready.
func (b *bench) deploy(ctx context.Context, name string, zip []byte, code func(v1alpha1.Blob) v1alpha1.Code) (*v1alpha1.Function, error) {
	blob, err := b.engine.PutCode(ctx, bytes.NewReader(zip), maxZip)
	if err != nil {
		return nil, err
	}
	if err := b.engine.Create(ctx, makeFunction(b.namespace, name, code(blob))); err != nil {
		return nil, err
	}
	return await(ctx, b, name, new(v1alpha1.FunctionList), func(fn *v1alpha1.Function) (bool, error) { return readyFunction(fn) })
}

// readyFunction says whether a function is ready; an error says why it will not be.
func readyFunction(fn *v1alpha1.Function) (bool, error) {
	c := meta.FindStatusCondition(fn.Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.ObservedGeneration != fn.Generation {
		return false, nil
	}
	if c.Status == metav1.ConditionFalse {
		return false, fmt.Errorf("function %q is not ready: %s: %s", fn.Name, c.Reason, c.Message)
	}
	return c.Status == metav1.ConditionTrue, nil
}

func asZip(b v1alpha1.Blob) v1alpha1.Code { return v1alpha1.Code{Zip: &b} }

func asSource(b v1alpha1.Blob) v1alpha1.Code {
	return v1alpha1.Code{Source: &v1alpha1.Source{Upload: &b}}
}

// remove deletes an object and does not wait for its end.
func (b *bench) remove(ctx context.Context, obj client.Object) error {
	return client.IgnoreNotFound(b.client.Delete(ctx, obj, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}
