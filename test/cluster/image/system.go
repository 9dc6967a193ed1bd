package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lambkin-dev/lambkin/test/cluster/component"
)

// system makes the images that the cluster itself consists of, and a few small ones for tests.
type system struct {
	shared, own string // folders of built programs
	store       Store
	skeleton    v1.Layer
	images      []Image
}

// System gives the images that the cluster itself consists of, those that are needed first at the front, and a few small
// ones for tests. shared and own are the folders of built programs.
func System(ctx context.Context, shared, own string) ([]Image, error) {
	skeleton, err := inMemory(writeSkeleton)
	if err != nil {
		return nil, err
	}
	s := &system{shared: shared, own: own, store: Store{filepath.Join(shared, "layers")}, skeleton: skeleton}
	for _, name := range []string{"pause", "coredns", "ingress"} {
		if err := s.addOwn("system/"+name+":1", name); err != nil {
			return nil, err
		}
	}
	for _, g := range component.ImageGroups() {
		for _, pkg := range g.Packages {
			if err := s.addShared(g.Name, pkg); err != nil {
				return nil, err
			}
		}
	}
	if err := s.addOwn("test/hello:1", "hello"); err != nil {
		return nil, err
	}
	return s.images, s.addShells(ctx)
}

// addOwn adds a program that may be another one each time.
func (s *system) addOwn(ref, name string) error {
	layer, err := inMemory(func(w io.Writer) error {
		return writePrograms(w, map[string]string{"/" + name: filepath.Join(s.own, name)}, nil)
	})
	s.images = append(s.images, Image{Ref: ref, Layers: []v1.Layer{s.skeleton, layer}, Entrypoint: []string{"/" + name}})
	return err
}

// addShared adds a program of a component in ko's layout: Tekton copies /ko-app/entrypoint out of its image.
func (s *system) addShared(group, pkg string) error {
	bin := component.Binary(pkg)
	layer, err := s.store.Layer(group+"-"+bin, func(w io.Writer) error {
		return writePrograms(w, map[string]string{"/ko-app/" + bin: filepath.Join(s.shared, group, bin)}, nil)
	})
	s.images = append(s.images, Image{
		Ref: component.Image(group, pkg), Layers: []v1.Layer{s.skeleton, layer},
		Entrypoint: []string{"/ko-app/" + bin}, Env: []string{"KO_DATA_PATH=/var/run/ko"},
	})
	return err
}

// addShells adds images to run scripts in: busybox alone, and with crane and a program to pack.
func (s *system) addShells(ctx context.Context) error {
	links, err := busyboxLinks(ctx)
	if err != nil {
		return err
	}
	busybox, err := inMemory(func(w io.Writer) error {
		return writePrograms(w, map[string]string{"/bin/busybox": "/bin/busybox"}, links)
	})
	if err != nil {
		return err
	}
	crane, err := inMemory(func(w io.Writer) error {
		return writePrograms(w, map[string]string{
			"/bin/crane": filepath.Join(s.shared, "tools", "crane"), "/src/hello": filepath.Join(s.own, "hello"),
		}, nil)
	})
	s.images = append(s.images,
		Image{Ref: "test/busybox:1", Layers: []v1.Layer{s.skeleton, busybox}, Entrypoint: []string{"/bin/sh"}},
		Image{Ref: "test/crane:1", Layers: []v1.Layer{s.skeleton, busybox, crane}, Entrypoint: []string{"/bin/sh"}},
	)
	return err
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
