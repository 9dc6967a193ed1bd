package main

import (
	"fmt"

	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/controller/code"
	"github.com/lambkin-dev/lambkin/controller/deploy"
	"github.com/lambkin-dev/lambkin/internal/outbound"
)

// newImages makes what turns code into images. It runs while the manager does.
func newImages(w *wiring) (deploy.Images, error) {
	pods, err := corev1client.NewForConfigAndClient(w.manager.GetConfig(), w.manager.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("make the client for logs of builds: %w", err)
	}
	resolver := code.New(code.Config{
		Client: w.manager.GetClient(), Live: w.manager.GetAPIReader(),
		Platform: w.settings.Platform,
		Logs:     code.PodLogs{Pods: pods},
		HTTP:     outbound.Client(outbound.Transport()),
		Finished: w.finished,
		TempDir:  w.options.tempDir,
	})
	if err := w.manager.Add(resolver); err != nil {
		return nil, fmt.Errorf("run what makes images: %w", err)
	}
	return resolver, nil
}

// finished has a function or version looked at whose code has become an image in the background.
func (w *wiring) finished(owner client.Object) {
	again := w.again.functions
	if _, ok := owner.(*v1alpha1.Version); ok {
		again = w.again.versions
	}
	again.One(owner)
}
