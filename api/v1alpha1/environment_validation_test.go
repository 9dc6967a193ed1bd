package v1alpha1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestEnvironmentValidate(t *testing.T) {
	secret := func(name string) VariableFrom {
		return VariableFrom{Name: name, SecretKeyRef: &KeyRef{Name: "s", Key: "k"}}
	}
	cases := map[string]struct {
		reason string
		env    *Environment
		want   []fault
	}{
		"None": {reason: "Most functions have none."},
		"Good": {
			reason: "Values may be empty and hold anything printable.",
			env:    &Environment{Variables: map[string]string{"MODE": "", "Path_2": "ä\n\t<&>"}},
		},
		"Form": {
			reason: "Two characters at least, and no hyphen, as the Lambda API has it.",
			env:    &Environment{Variables: map[string]string{"A": "", "a-b": "", "1a": ""}},
			want: []fault{
				{field.ErrorTypeInvalid, "environment.variables[1a]"},
				{field.ErrorTypeInvalid, "environment.variables[A]"},
				{field.ErrorTypeInvalid, "environment.variables[a-b]"},
			},
		},
		"Reserved": {
			reason: "What the platform sets cannot be set.",
			env:    &Environment{Variables: map[string]string{"AWS_REGION": "x", "_HANDLER": "x", "AWS_LAMBDA_MAX_CONCURRENCY": "9"}},
			want: []fault{
				{field.ErrorTypeForbidden, "environment.variables[AWS_LAMBDA_MAX_CONCURRENCY]"},
				{field.ErrorTypeForbidden, "environment.variables[AWS_REGION]"},
				{field.ErrorTypeForbidden, "environment.variables[_HANDLER]"},
			},
		},
		"CredentialsInTheOpen": {
			reason: "As on AWS, credentials are no configuration.",
			env:    &Environment{Variables: map[string]string{"AWS_SECRET_ACCESS_KEY": "x"}},
			want:   []fault{{field.ErrorTypeForbidden, "environment.variables[AWS_SECRET_ACCESS_KEY]"}},
		},
		"CredentialsFromSecret": {
			reason: "A function that talks to AWS needs its own, kept in a Secret.",
			env:    &Environment{VariablesFrom: []VariableFrom{secret("AWS_ACCESS_KEY_ID"), secret("AWS_SECRET_ACCESS_KEY")}},
		},
		"ReservedFromSecret": {
			reason: "Other reserved names stay reserved.",
			env:    &Environment{VariablesFrom: []VariableFrom{secret("AWS_LAMBDA_RUNTIME_API")}},
			want:   []fault{{field.ErrorTypeForbidden, "environment.variablesFrom[0].name"}},
		},
		"NUL": {
			reason: "No process can be given a NUL byte.",
			env:    &Environment{Variables: map[string]string{"KEY": "a\x00b"}},
			want:   []fault{{field.ErrorTypeInvalid, "environment.variables[KEY]"}},
		},
		"AtLimit": {
			reason: `4096 bytes as {"KEY":"…"} are allowed.`,
			env:    &Environment{Variables: map[string]string{"KEY": long(4096 - len(`{"KEY":""}`))}},
		},
		"OverLimit": {
			reason: "One byte more is not.",
			env:    &Environment{Variables: map[string]string{"KEY": long(4097 - len(`{"KEY":""}`))}},
			want:   []fault{{field.ErrorTypeTooLong, "environment.variables"}},
		},
		"NoReference": {
			reason: "The value must come from somewhere.",
			env:    &Environment{VariablesFrom: []VariableFrom{{Name: "KEY"}}},
			want:   []fault{{field.ErrorTypeRequired, "environment.variablesFrom[0]"}},
		},
		"TwoReferences": {
			reason: "The value cannot come from two places.",
			env: &Environment{VariablesFrom: []VariableFrom{
				{Name: "KEY", SecretKeyRef: &KeyRef{Name: "s", Key: "k"}, ConfigMapKeyRef: &KeyRef{Name: "c", Key: "k"}},
			}},
			want: []fault{{field.ErrorTypeForbidden, "environment.variablesFrom[0]"}},
		},
		"HalfReferences": {
			reason: "A reference names an object and a key.",
			env: &Environment{VariablesFrom: []VariableFrom{
				{Name: "KEY", SecretKeyRef: &KeyRef{}}, {Name: "KEY2", ConfigMapKeyRef: &KeyRef{Name: "c"}},
			}},
			want: []fault{
				{field.ErrorTypeRequired, "environment.variablesFrom[0].secretKeyRef.name"},
				{field.ErrorTypeRequired, "environment.variablesFrom[0].secretKeyRef.key"},
				{field.ErrorTypeRequired, "environment.variablesFrom[1].configMapKeyRef.key"},
			},
		},
		"Duplicates": {
			reason: "A variable has one value.",
			env: &Environment{
				Variables:     map[string]string{"KEY": "x"},
				VariablesFrom: []VariableFrom{secret("KEY"), secret("OTHER"), secret("OTHER")},
			},
			want: []fault{
				{field.ErrorTypeDuplicate, "environment.variablesFrom[0].name"},
				{field.ErrorTypeDuplicate, "environment.variablesFrom[2].name"},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			checkFaults(t, tc.reason, tc.env.validate(field.NewPath("environment")), tc.want)
		})
	}
}

func TestEnvironmentFaultsHideValues(t *testing.T) {
	const secret = "hunter2"
	env := &Environment{Variables: map[string]string{"_BAD": secret, "b-d": secret, "NUL": secret + "\x00", "BIG": secret + long(5000)}}
	faults := env.validate(nil)
	if len(faults) != 4 {
		t.Fatalf("got %d faults, want 4: %v", len(faults), faults)
	}
	if text := faults.ToAggregate().Error(); strings.Contains(text, secret) {
		t.Errorf("faults show a variable's value: %s", text)
	}
}

func TestReservedKeys(t *testing.T) {
	got := ReservedKeys(map[string]string{"_X": "", "MODE": "", "AWS_REGION": "", "AWS_SESSION_TOKEN": "", "AWS_LAMBDA_EXEC_WRAPPER": ""})
	if diff := cmp.Diff([]string{"AWS_REGION", "AWS_SESSION_TOKEN", "_X"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
