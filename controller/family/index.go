// Package family knows which objects belong together: a function, its versions, aliases and URLs, and what has a policy. It finds them by
// indexes of the cache, says which have to be looked at when another changes, and makes those that somebody wrote by
// hand members of their function.
package family

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Indexes of the cache. Their values are names of objects.
const (
	// byFunction: versions, aliases and URLs by their function.
	byFunction = "function"
	// byVersion: aliases by the versions that they point to; the function itself stands for $LATEST.
	byVersion = "version"
	// byAlias: URLs by their alias.
	byAlias = "alias"
	// byLayer: functions and versions by the layer versions that they use.
	byLayer = "layer"
	// byOwner: policies by what they are for, as kind and name.
	byOwner = "owner"
)

// Index makes the indexes.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	for _, i := range []struct {
		object  client.Object
		name    string
		extract client.IndexerFunc
	}{
		{new(v1alpha1.Function), byLayer, layersOf},
		{new(v1alpha1.Version), byFunction, functionOf},
		{new(v1alpha1.Version), byLayer, layersOf},
		{new(v1alpha1.Alias), byFunction, functionOf},
		{new(v1alpha1.Alias), byVersion, targetsOf},
		{new(v1alpha1.FunctionURLConfig), byFunction, functionOf},
		{new(v1alpha1.FunctionURLConfig), byAlias, aliasOf},
		{new(v1alpha1.ResourcePolicy), byOwner, ownerOf},
	} {
		if err := indexer.IndexField(ctx, i.object, i.name, i.extract); err != nil {
			return fmt.Errorf("index %T by %s: %w", i.object, i.name, err)
		}
	}
	return nil
}

// FunctionName is the Lambda name of the function that an object belongs to; empty for those that belong to none.
func FunctionName(obj client.Object) string {
	switch o := obj.(type) {
	case *v1alpha1.Version:
		return o.Spec.FunctionName
	case *v1alpha1.Alias:
		return o.Spec.FunctionName
	case *v1alpha1.FunctionURLConfig:
		return o.Spec.FunctionName
	default:
		return ""
	}
}

func functionOf(obj client.Object) []string {
	if name := FunctionName(obj); name != "" {
		return []string{v1alpha1.ObjectName(name)}
	}
	return nil
}

func targetsOf(obj client.Object) []string {
	a, ok := obj.(*v1alpha1.Alias)
	if !ok {
		return nil
	}
	var names []string
	for _, version := range Targets(&a.Spec) {
		names = append(names, TargetName(a.Spec.FunctionName, version))
	}
	return names
}

func aliasOf(obj client.Object) []string {
	u, ok := obj.(*v1alpha1.FunctionURLConfig)
	if !ok || u.Spec.Qualifier == "" || u.Spec.Qualifier == lambda.LatestVersion {
		return nil
	}
	return []string{v1alpha1.AliasObjectName(u.Spec.FunctionName, u.Spec.Qualifier)}
}

func ownerOf(obj client.Object) []string {
	p, ok := obj.(*v1alpha1.ResourcePolicy)
	if !ok {
		return nil
	}
	return []string{ownerKey(p.Owner())}
}

func ownerKey(owner v1alpha1.Object) string { return kindOf(owner) + "/" + owner.GetName() }

// Targets are the versions that an alias points to, its main one first.
func Targets(a *v1alpha1.AliasSpec) []string {
	targets := []string{a.FunctionVersion}
	for version := range a.AdditionalVersionWeights {
		targets = append(targets, version)
	}
	slices.Sort(targets[1:])
	return targets
}

// TargetName is the name of the object of a version, which for $LATEST is the function.
func TargetName(functionName, version string) string {
	if version == lambda.LatestVersion {
		return v1alpha1.ObjectName(functionName)
	}
	return v1alpha1.ObjectName(functionName) + "." + version
}

var layerForm = regexp.MustCompile(`:layer:([a-zA-Z0-9-_]+):([0-9]+)$`)

// layersOf are the names of the objects of the layer versions that a function or a version uses.
func layersOf(obj client.Object) []string {
	var arns []string
	switch o := obj.(type) {
	case *v1alpha1.Function:
		arns = o.Spec.Layers
	case *v1alpha1.Version:
		arns = o.Spec.Function.Layers
	}
	var names []string
	for _, arn := range arns {
		parts := layerForm.FindStringSubmatch(arn)
		if parts == nil {
			continue
		}
		if number, err := strconv.ParseInt(parts[2], 10, 64); err == nil {
			names = append(names, v1alpha1.LayerVersionObjectName(parts[1], number))
		}
	}
	return names
}
