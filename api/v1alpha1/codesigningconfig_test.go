package v1alpha1

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestCodeSigningConfigValidate(t *testing.T) {
	cases := map[string]struct {
		reason string
		config *CodeSigningConfig
		want   []fault
	}{
		"Name": {
			reason: "The name is the id in ARNs.",
			config: sampleCodeSigning(func(c *CodeSigningConfig) { c.Name = "ours" }),
			want:   []fault{{field.ErrorTypeInvalid, "metadata.name"}},
		},
		"NoPublishers": {
			reason: "A config that trusts nobody is a mistake.",
			config: sampleCodeSigning(func(c *CodeSigningConfig) { c.Spec.AllowedPublishers.SigningProfileVersionARNs = nil }),
			want:   []fault{{field.ErrorTypeRequired, "spec.allowedPublishers.signingProfileVersionArns"}},
		},
		"Publishers": {
			reason: "Publishers are ARNs, twenty at most.",
			config: sampleCodeSigning(func(c *CodeSigningConfig) {
				c.Spec.AllowedPublishers.SigningProfileVersionARNs = append(make([]string, 20), "me")
			}),
			want: append([]fault{{field.ErrorTypeTooMany, "spec.allowedPublishers.signingProfileVersionArns"}}, publisherFaults(21)...),
		},
		"Policy": {
			reason: "There are two policies.",
			config: sampleCodeSigning(func(c *CodeSigningConfig) { c.Spec.UntrustedArtifactOnDeployment = "Ignore" }),
			want:   []fault{{field.ErrorTypeNotSupported, "spec.untrustedArtifactOnDeployment"}},
		},
		"Members": {
			reason: "Texts and tags have the limits that they have elsewhere.",
			config: sampleCodeSigning(func(c *CodeSigningConfig) {
				c.Spec.Description, c.Spec.Tags = long(257), map[string]string{"aws:x": "y"}
			}),
			want: []fault{{field.ErrorTypeTooLong, "spec.description"}, {field.ErrorTypeInvalid, "spec.tags[aws:x]"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFaults(t, tc.reason, tc.config.Validate(), tc.want) })
	}
}

func publisherFaults(n int) []fault {
	var all []fault
	at := field.NewPath("spec", "allowedPublishers", "signingProfileVersionArns")
	for i := range n {
		all = append(all, fault{field.ErrorTypeInvalid, at.Index(i).String()})
	}
	return all
}

func TestRulesValidate(t *testing.T) {
	cases := map[string]struct {
		reason string
		object Object
		want   []fault
	}{
		"Rules": {
			reason: "What holds for calls and code takes known values only.",
			object: sampleFunction(func(f *Function) {
				f.Spec.RecursiveLoop, f.Spec.CodeSigningConfig, f.Spec.Tenancy = "Sometimes", "csc-x", &Tenancy{IsolationMode: "PER_USER"}
			}),
			want: []fault{
				{field.ErrorTypeNotSupported, "spec.recursiveLoop"},
				{field.ErrorTypeInvalid, "spec.codeSigningConfig"},
				{field.ErrorTypeNotSupported, "spec.tenancy.isolationMode"},
			},
		},
		"SharedProcess": {
			reason: "A process that holds several invocations, or a pod with several environments, may mix tenants.",
			object: sampleFunction(func(f *Function) {
				f.Spec.Tenancy, f.Spec.Concurrency = &Tenancy{IsolationMode: TenantIsolationPerTenant}, &Concurrency{PerEnvironment: 2, EnvironmentsPerPod: 2}
			}),
			want: []fault{{field.ErrorTypeForbidden, "spec.concurrency.perEnvironment"}, {field.ErrorTypeForbidden, "spec.concurrency.environmentsPerPod"}},
		},
		"Snapshot": {
			reason: "Recursion and code signing are the function's, whatever the version; tenancy is the snapshot's.",
			object: sampleVersion(func(v *Version) {
				v.Spec.Function.RecursiveLoop, v.Spec.Function.CodeSigningConfig = RecursiveLoopAllow, "csc-0123456789abcdef0"
				v.Spec.Function.Tenancy = &Tenancy{IsolationMode: TenantIsolationPerTenant}
			}),
			want: []fault{
				{field.ErrorTypeForbidden, "spec.function.recursiveLoop"},
				{field.ErrorTypeForbidden, "spec.function.codeSigningConfig"},
			},
		},
		"VersionAsync": {
			reason: "Events that name a version have the limits of events.",
			object: sampleVersion(func(v *Version) { v.Spec.Async = &Async{MaximumRetryAttempts: new(int32(3))} }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.async.maximumRetryAttempts"}},
		},
		"AliasAsync": {
			reason: "So have those that name an alias.",
			object: sampleAlias(func(a *Alias) { a.Spec.Async = &Async{MaximumEventAgeInSeconds: new(int32(1))} }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.async.maximumEventAgeInSeconds"}},
		},
		"ProvisionedLatest": {
			reason: "$LATEST has provisioned concurrency of its own, and none by an alias.",
			object: sampleAlias(func(a *Alias) {
				a.Spec.FunctionVersion, a.Spec.AdditionalVersionWeights, a.Spec.ProvisionedConcurrency = "$LATEST", nil, new(int32(1))
			}),
			want: []fault{{field.ErrorTypeForbidden, "spec.provisionedConcurrency"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFaults(t, tc.reason, tc.object.Validate(), tc.want) })
	}
}

func TestTenancyIsForLife(t *testing.T) {
	was, is := sampleFunction(), sampleFunction(func(f *Function) { f.Spec.Tenancy = &Tenancy{IsolationMode: TenantIsolationPerTenant} })
	want := []fault{{field.ErrorTypeForbidden, "spec.tenancy"}}
	checkFaults(t, "Calls without a tenant may have left something behind.", is.ValidateUpdate(was), want)
	checkFaults(t, "Calls of tenants must not meet later.", was.ValidateUpdate(is), want)
}
