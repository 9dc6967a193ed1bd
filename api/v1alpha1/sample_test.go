package v1alpha1

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	digest   = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
	layerARN = "arn:aws:lambda:eu-west-1:123456789012:layer:tools:3"
)

// sampleFunction is a valid, defaulted function that a case changes.
func sampleFunction(change ...func(*Function)) *Function {
	f := &Function{}
	f.Name = "orders"
	f.Spec = FunctionSpec{Runtime: "nodejs22.x", Handler: "index.handler", Code: Code{Zip: &Blob{SHA256: digest, Size: 10}}}
	f.Default()
	for _, c := range change {
		c(f)
	}
	return f
}

func sampleImageFunction(change ...func(*Function)) *Function {
	f := &Function{}
	f.Name = "orders"
	f.Spec.Code.Image = &Image{URI: "registry.example/orders:1"}
	f.Default()
	for _, c := range change {
		c(f)
	}
	return f
}

func sampleVersion(change ...func(*Version)) *Version {
	v := &Version{}
	v.Spec = VersionSpec{FunctionName: "orders", Version: 7, Function: sampleFunction().Spec}
	v.Default()
	for _, c := range change {
		c(v)
	}
	return v
}

func sampleAlias(change ...func(*Alias)) *Alias {
	a := &Alias{}
	a.Spec = AliasSpec{
		FunctionName: "orders", Name: "live", FunctionVersion: "7",
		AdditionalVersionWeights: map[string]Weight{"8": "0.1"},
	}
	a.Default()
	for _, c := range change {
		c(a)
	}
	return a
}

func sampleLayerVersion(change ...func(*LayerVersion)) *LayerVersion {
	l := &LayerVersion{}
	l.Spec = LayerVersionSpec{LayerName: "tools", Version: 3, Content: Blob{SHA256: digest, Size: 10}}
	l.Default()
	for _, c := range change {
		c(l)
	}
	return l
}

func sampleURL(change ...func(*FunctionURLConfig)) *FunctionURLConfig {
	u := &FunctionURLConfig{}
	u.Spec = FunctionURLConfigSpec{FunctionName: "orders", Qualifier: "live", AuthType: AuthTypeNone, CORS: &CORS{
		AllowOrigins: []string{"*", "https://shop.example:8443"}, AllowMethods: []string{"GET", "*"},
		AllowHeaders: []string{"content-type"}, ExposeHeaders: []string{"x-total"}, MaxAge: 60,
	}}
	u.Default()
	for _, c := range change {
		c(u)
	}
	return u
}

func samplePolicy(change ...func(*ResourcePolicySpec)) *ResourcePolicy {
	p := &ResourcePolicy{}
	p.Spec = ResourcePolicySpec{FunctionName: "orders", Qualifier: "live", Policy: `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`}
	for _, c := range change {
		c(&p.Spec)
	}
	p.Default()
	return p
}

func sampleCodeSigning(change ...func(*CodeSigningConfig)) *CodeSigningConfig {
	c := &CodeSigningConfig{}
	c.Name = "csc-0123456789abcdef0"
	c.Spec.AllowedPublishers.SigningProfileVersionARNs = []string{"arn:aws:signer:eu-west-1:123456789012:/signing-profiles/team/abcdefghij"}
	c.Default()
	for _, f := range change {
		f(c)
	}
	return c
}

// fault is the part of a fault that callers may rely on.
type fault struct {
	kind field.ErrorType
	path string
}

func faultsOf(list field.ErrorList) []fault {
	var all []fault
	for _, e := range list {
		all = append(all, fault{e.Type, e.Field})
	}
	return all
}

func TestSamplesAreValid(t *testing.T) {
	for _, obj := range []Object{
		sampleFunction(), sampleImageFunction(), sampleVersion(), sampleAlias(), sampleLayerVersion(), sampleURL(), sampleCodeSigning(),
	} {
		if faults := obj.Validate(); len(faults) > 0 {
			t.Errorf("%T: %v", obj, faults.ToAggregate())
		}
		if faults := obj.ValidateUpdate(obj); len(faults) > 0 {
			t.Errorf("%T updated to itself: %v", obj, faults.ToAggregate())
		}
	}
}

func TestValidateUpdateRefusesAnotherKind(t *testing.T) {
	kinds := []Object{sampleFunction(), sampleVersion(), sampleAlias(), sampleLayerVersion(), sampleURL(), sampleCodeSigning()}
	for i, obj := range kinds {
		old := kinds[(i+1)%len(kinds)]
		if got := faultsOf(obj.ValidateUpdate(old)); len(got) != 1 || got[0].path != "kind" {
			t.Errorf("%T from %T: got %v, want one fault at kind", obj, old, got)
		}
	}
}

func long(n int) string { return strings.Repeat("a", n) }
