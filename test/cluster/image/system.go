package image

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/test/cluster/component"
)

// System gives the images that the cluster itself consists of, and a few small ones for tests. shared and own are the
// folders of built programs.
func System(ctx context.Context, shared, own string) ([]Image, error) {
	skeleton, err := Skeleton()
	if err != nil {
		return nil, err
	}
	single := func(ref, program, dst string) Image {
		return Image{Ref: ref, Layers: []v1.Layer{skeleton}, Files: map[string]string{dst: program}, Entrypoint: []string{dst}}
	}
	ownProgram := func(name string) Image {
		return single("system/"+name+":1", filepath.Join(own, name), "/"+name)
	}
	images := []Image{ownProgram("pause"), ownProgram("coredns"), ownProgram("ingress")} // needed first
	for _, g := range component.ImageGroups() {
		for _, pkg := range g.Packages {
			bin := component.Binary(pkg)
			// ko's layout: Tekton copies /ko-app/entrypoint out of its image.
			image := single(component.Image(g.Name, pkg), filepath.Join(shared, g.Name, bin), "/ko-app/"+bin)
			image.Env = []string{"KO_DATA_PATH=/var/run/ko"}
			images = append(images, image)
		}
	}
	links, err := busyboxLinks(ctx)
	if err != nil {
		return nil, err
	}
	shell := Image{
		Ref: "test/busybox:1", Layers: []v1.Layer{skeleton}, Entrypoint: []string{"/bin/sh"},
		Files: map[string]string{"/bin/busybox": "/bin/busybox"}, Links: links,
	}
	crane := shell
	crane.Ref = "test/crane:1"
	crane.Files = map[string]string{
		"/bin/busybox": "/bin/busybox", "/bin/crane": filepath.Join(shared, "tools", "crane"), "/src/hello": filepath.Join(own, "hello"),
	}
	return append(images, shell, crane, single("test/hello:1", filepath.Join(own, "hello"), "/hello")), nil
}

// busyboxLinks names every program that busybox is.
func busyboxLinks(ctx context.Context) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, "/bin/busybox", "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("list of what busybox is: %w", err)
	}
	links := map[string]string{}
	for name := range strings.FieldsSeq(string(bytes.TrimSpace(out))) {
		if name != "busybox" {
			links["/bin/"+name] = "busybox"
		}
	}
	return links, nil
}
