package gateway

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
)

// inputs gives the input types of the SDK's operations by name.
func inputs() map[string]reflect.Type {
	found := map[string]reflect.Type{}
	for m := range reflect.TypeFor[*sdk.Client]().Methods() {
		if m.Type.NumIn() < 3 || m.Type.In(2).Kind() != reflect.Pointer {
			continue
		}
		if in := m.Type.In(2).Elem(); in.Name() == m.Name+"Input" {
			found[m.Name] = in
		}
	}
	return found
}

func TestTableHoldsEveryOperationOfTheSDK(t *testing.T) {
	all := inputs()
	if len(all) < 80 {
		t.Fatalf("found only %d operations in the SDK: has its form changed?", len(all))
	}
	table := map[string]operation{}
	for _, op := range operations() {
		if _, twice := table[op.name]; twice {
			t.Errorf("%s is in the table twice", op.name)
		}
		table[op.name] = op
	}
	for name := range all {
		if _, ok := table[name]; !ok {
			t.Errorf("the table lacks %s: run go generate", name)
		}
	}
	for name := range table {
		if _, ok := all[name]; !ok {
			t.Errorf("the table has %s, which the SDK lacks: run go generate", name)
		}
	}
}

func TestHandlersAreOperations(t *testing.T) {
	all := inputs()
	for name, h := range new(gateway).handlers() {
		if _, ok := all[name]; !ok {
			t.Errorf("%s is handled, but no operation", name)
		}
		if (h.call == nil) == (h.raw == nil) {
			t.Errorf("%s must be done in exactly one way", name)
		}
	}
}

// TestBodiesKnowEveryMember holds that no member of the SDK's inputs is unknown: each is used or refused by name.
func TestBodiesKnowEveryMember(t *testing.T) {
	elsewhere := []string{"Qualifier", "AddLayerVersionPermission.RevisionId"} // in the query
	table := map[string]operation{}
	for _, op := range operations() {
		table[op.name] = op
	}
	for name, h := range new(gateway).handlers() {
		if h.input == nil {
			continue
		}
		known := membersOf(reflect.TypeOf(h.input))
		for field := range inputs()[name].Fields() {
			if !field.IsExported() || slices.Contains(elsewhere, field.Name) || slices.Contains(elsewhere, name+"."+field.Name) || strings.Contains(table[name].path, "{"+field.Name+"}") {
				continue
			}
			compareMembers(t, name+"."+field.Name, field, known)
		}
	}
}

// compareMembers checks that a member of the SDK is known, and all members in it.
func compareMembers(t *testing.T, at string, field reflect.StructField, known map[string]reflect.Type) {
	t.Helper()
	own, ok := known[field.Name]
	if !ok {
		t.Errorf("%s is not known: take it or refuse it", at)
		return
	}
	theirs := deepest(field.Type)
	if own == reflect.TypeFor[refused]() || theirs.Kind() != reflect.Struct {
		return
	}
	inner := membersOf(deepest(own))
	for f := range theirs.Fields() {
		if f.IsExported() {
			compareMembers(t, at+"."+f.Name, f, inner)
		}
	}
}

func deepest(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// membersOf gives the members that a struct decodes.
func membersOf(t reflect.Type) map[string]reflect.Type {
	found := map[string]reflect.Type{}
	if t.Kind() != reflect.Struct {
		return found
	}
	for f := range t.Fields() {
		if f.Anonymous {
			maps.Copy(found, membersOf(f.Type))
			continue
		}
		found[f.Name] = f.Type
	}
	return found
}

func TestCompatibility(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(Compatibility()), "\n")
	if len(lines) != len(operations())+2 {
		t.Fatalf("the table has %d lines, want one for each of %d operations and two of head", len(lines), len(operations()))
	}
	for _, want := range []string{
		"| GetFunction | implemented |  |",
		"| UpdateFunctionCode | partial | SourceKMSKeyArn, PublishTo, S3Bucket where the operator names no store of objects, S3ObjectStorageMode=REFERENCE |",
		"| PublishLayerVersion | partial | S3Bucket where the operator names no store of objects, S3ObjectStorageMode=REFERENCE |",
		"| CreateCapacityProvider | refused | there are no capacity providers, functions run on this machine or in this cluster |",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the table lacks the line\n%s\nit is\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func TestRefusalsHaveAWayOut(t *testing.T) {
	handlers := new(gateway).handlers()
	for _, op := range operations() {
		if _, ok := handlers[op.name]; !ok && wayOut(op.name) == "this service has no such feature" {
			t.Errorf("%s is refused without saying what to do instead", op.name)
		}
	}
	for name, h := range handlers {
		if h.input == nil {
			continue
		}
		for _, m := range refusedMembers(reflect.ValueOf(h.input), "") {
			if m.why == "" {
				t.Errorf("%s refuses %s without saying what to do instead", name, m.name)
			}
		}
	}
}
